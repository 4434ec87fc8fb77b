"""The packages that ``store realise`` takes: those named, or those that differ from a revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from store.cli.commands import realise
from store.cli.context import Context
from store.errors import UsageError
from store.operations import affected


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The packages of each realisation; ``make`` and ``sed`` differ from ``main``."""
    found = list[tuple[str, ...]]()

    def differing(session: object, revision: str) -> list[str]:
        return ["make", "sed"] if revision == "main" else []

    def take(context: Context, packages: tuple[str, ...], *rest: Any, **named: Any) -> None:
        found.append(packages)

    monkeypatch.setattr(affected, "affected", differing)
    monkeypatch.setattr(realise, "realise", take)
    return found


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(realise.command, words, obj=Context(str(folder), None, False))


def test_packages_are_named_or_differ_from_a_revision(
    tmp_path: Path, taken: list[tuple[str, ...]]
) -> None:
    run(tmp_path, "grep")
    done = run(tmp_path, "--affected-since", "main")
    assert taken == [("grep",), ("make", "sed")]
    assert done.stderr == "2 packages with another derivation than at main: make, sed\n"


def test_where_nothing_differs_nothing_is_done(
    tmp_path: Path, taken: list[tuple[str, ...]]
) -> None:
    done = run(tmp_path, "--affected-since", "HEAD")
    assert (done.exit_code, taken) == (0, [])
    assert done.stderr == "0 packages with another derivation than at HEAD\n"


@pytest.mark.parametrize("words", [(), ("grep", "--affected-since", "main")])
def test_one_of_the_two_is_needed(
    words: tuple[str, ...], tmp_path: Path, taken: list[tuple[str, ...]]
) -> None:
    assert isinstance(run(tmp_path, *words).exception, UsageError)
    assert taken == []
