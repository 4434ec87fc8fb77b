"""Going in: errors name their cause, and not the program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from store.cli import entering
from store.cli.context import Context
from store.errors import CannotRun
from store.local.store import Store


def test_a_folder_that_is_closed_is_no_fault_of_the_program(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tool").mkdir()
    oid = store.objects.add(str(tmp_path / "tool"), "tool")
    root = store.layout.root
    store.close()

    def refuse(folder: str, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> NoReturn:
        raise PermissionError(13, "Permission denied", cwd)

    monkeypatch.setattr(entering, "enter", refuse)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotRun) as caught:
        entering.enter_with(Context(root, None, False), [oid.path], ["tool"], dict(os.environ))
    assert caught.value.message == f"cannot run tool in {tmp_path}: Permission denied"
