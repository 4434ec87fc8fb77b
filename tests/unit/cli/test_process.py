"""The command line as a process: how it ends when it cannot be loaded, or is interrupted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from store import __main__ as process


class Ended(BaseException):
    """In the place of the process's end."""


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[object], int]:
    """Runs the process with this in the place of the command line; its exit code."""
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    def ended(main: object) -> int:
        module = ModuleType("store.cli.main")
        vars(module).update({"main": main} if main else {})
        monkeypatch.setitem(sys.modules, "store.cli.main", module)
        monkeypatch.setattr(os, "_exit", end)
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr("signal.signal", lambda *_: None)
        with pytest.raises(Ended):
            process.run()
        return codes[-1]

    return ended


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SystemExit(None), 0),
        (SystemExit(31), 31),
        (SystemExit("words"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_is_that_of_the_end(
    ending: Callable[[object], int], error: BaseException, code: int
) -> None:
    assert ending(raising(error)) == code


def test_what_cannot_be_loaded_is_set_up_anew(
    ending: Callable[[object], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tried.toml", "tried.txt"):
        (tmp_path / name).write_text("")
    assert ending(None) == 1
    assert "run it again to set its Python packages up anew" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
