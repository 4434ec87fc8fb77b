"""The preparations before the fork."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import FormatError
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


def test_files_are_the_builders_and_look_the_same_everywhere(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    files = (("a/b/c", "caf\xe9\0"), ("a/d", ""), ("e", "\r\n"))
    request = replace(make_request(tmp_path, ()), files=files)
    before = os.umask(0o077)
    try:
        prepare(request)
    finally:
        os.umask(before)
    top = tmp_path / "work" / "build"
    owner = top.stat().st_uid
    below = sorted(top.rglob("*"))
    seen = [(path.stat().st_mode, path.stat().st_mtime_ns, path.stat().st_uid) for path in below]
    folder, file = (0o040755, 10**9, owner), (0o100644, 10**9, owner)
    assert [str(path.relative_to(top)) for path in below] == ["a", "a/b", "a/b/c", "a/d", "e"]
    assert seen == [folder, folder, file, file, file]
    assert [(top / path).read_bytes() for path, _ in files] == [b"caf\xc3\xa9\0", b"", b"\r\n"]


def test_a_file_is_never_written_through_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    request = replace(make_request(tmp_path, ()), files=(("a", "x"),))
    (tmp_path / "work" / "build").mkdir()
    (tmp_path / "work" / "build" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError):
        prepare(request)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", ""])
def test_no_file_is_out_of_its_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(FormatError, match="cannot name a file"):
        replace(make_request(tmp_path, ()), files=((path, "x"),))
