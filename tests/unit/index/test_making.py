"""Files of an index are put in place whole, and what killed processes left is swept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.index import making
from store.system.locks import DirectoryLock


def test_one_that_is_there_already_stays(tmp_path: Path) -> None:
    made, target = tmp_path / "made", tmp_path / "target"
    made.write_text("new")
    target.write_text("another process's")
    making._put(str(made), str(target))
    assert target.read_text() == "another process's"


def test_without_hard_links_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    made, target = tmp_path / "made", tmp_path / "target"
    made.write_text("new")
    making._put(str(made), str(target))
    assert target.read_text() == "new"


def test_what_a_killed_process_left_is_swept_and_what_is_held_is_not(tmp_path: Path) -> None:
    for name in ("held", "left"):
        (tmp_path / f"{making.PREFIX}{name}" / "inside").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    hold = DirectoryLock(str(tmp_path / f"{making.PREFIX}held"))
    making.sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted([f"{making.PREFIX}held", "other"])
    hold.release()
