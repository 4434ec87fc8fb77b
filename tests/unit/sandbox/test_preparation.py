"""The preparations before the fork."""

from __future__ import annotations

import os
from pathlib import Path

from store.sandbox.preparation import prepare
from store.sandbox.request import BuildRequest


def make_request(top: Path, inputs: tuple[str, ...]) -> BuildRequest:
    """A build in ``top/work`` with inputs from ``top/store``."""
    (top / "work").mkdir()
    return BuildRequest(
        name="nothing",
        builder="/bin/sh",
        args=(),
        env=(),
        store_dir=str(top / "store"),
        work_dir=str(top / "work"),
        log_path=str(top / "log"),
        inputs=inputs,
    )


def test_inputs_that_are_files_are_mounted_on_one_inode(tmp_path: Path) -> None:
    (tmp_path / "store" / "folder").mkdir(parents=True)
    for name in "abc":
        (tmp_path / "store" / name).write_text(name)
    inputs = ("a", "b", "c", "folder")
    assert prepare(make_request(tmp_path, inputs)).inputs == inputs
    points = tmp_path / "work" / "store"
    assert len({(points / name).stat().st_ino for name in "abc"}) == 1
    assert (points / "a").stat().st_size == 0
    assert (points / "folder").is_dir()


def test_mount_points_that_are_there_already_are_kept(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in "abc":
        (tmp_path / "store" / name).write_text(name)
    request = make_request(tmp_path, ("a", "b", "c"))
    prepare(request)
    os.unlink(tmp_path / "work" / "store" / "b")
    assert prepare(request).inputs == ("a", "b", "c")
    assert sorted(os.listdir(tmp_path / "work" / "store")) == ["a", "b", "c"]


def test_a_link_among_the_inputs_is_copied_and_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a").write_text("a")
    (tmp_path / "store" / "link").symlink_to("a")
    request = make_request(tmp_path, ("a", "link"))
    for _ in range(2):  # as for a tree that was kept
        assert prepare(request).inputs == ("a",)
        assert os.readlink(tmp_path / "work" / "store" / "link") == "a"
        assert (tmp_path / "work" / "linked").exists()
