"""Mount points are made from a look at objects that follows no link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import UnknownObject
from store.job_errors import BuildFailed
from store.sandbox.points import MOST_ENTRIES, root_entries
from store.sandbox.preparation import prepare
from store.sandbox.request import BuildRequest


def make_request(
    top: Path, *, rootfs: str | None = None, inputs: tuple[str, ...] = ()
) -> BuildRequest:
    """A build in ``top/work`` with objects from ``top/store``."""
    for name in ("work", "store"):
        (top / name).mkdir(exist_ok=True)
    return BuildRequest(
        name="nothing",
        builder="/bin/sh",
        args=(),
        env=(),
        store_dir=str(top / "store"),
        work_dir=str(top / "work"),
        log_path=str(top / "log"),
        rootfs=rootfs,
        inputs=inputs,
    )


@pytest.mark.parametrize("target", ["/", "/root", "other", ".", "..", "/proc/self/cwd"])
def test_a_root_file_system_that_is_a_link_is_refused(tmp_path: Path, target: str) -> None:
    request = make_request(tmp_path, rootfs="link")
    (tmp_path / "store" / "other").mkdir()
    (tmp_path / "store" / "link").symlink_to(target)
    with pytest.raises(BuildFailed, match="is a symbolic link, not a folder"):
        root_entries(request)


def test_a_root_file_system_that_is_a_file_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "file").write_text("")
    with pytest.raises(BuildFailed, match="is a file, not a folder"):
        root_entries(make_request(tmp_path, rootfs="file"))
    with pytest.raises(UnknownObject, match="cannot be read"):
        root_entries(make_request(tmp_path, rootfs="nothing"))


def test_entries_are_told_apart_without_following_links(tmp_path: Path) -> None:
    request = make_request(tmp_path, rootfs="root")
    root = tmp_path / "store" / "root"
    for name in ("usr", "etc", ".objects"):
        (root / name).mkdir(parents=True)
    (root / "init").write_text("")
    (root / "home").symlink_to("/home")
    entries = root_entries(request)
    assert entries.directories == (".objects", "usr")
    assert entries.files == ("init",)
    assert entries.links == (("home", "/home"),)


def test_a_fifo_is_no_entry_and_no_input(tmp_path: Path) -> None:
    request = make_request(tmp_path, rootfs="root", inputs=("fifo",))
    (tmp_path / "store" / "root").mkdir()
    os.mkfifo(tmp_path / "store" / "root" / "a\nb")
    with pytest.raises(BuildFailed, match=r"holds /a\\nb, which is no folder, file or link"):
        root_entries(request)
    os.mkfifo(tmp_path / "store" / "fifo")
    with pytest.raises(BuildFailed, match="no folder, file or link"):
        prepare(make_request(tmp_path, inputs=("fifo",)))


def test_a_root_file_system_may_not_have_any_number_of_entries(tmp_path: Path) -> None:
    request = make_request(tmp_path, rootfs="root")
    root = tmp_path / "store" / "root"
    root.mkdir()
    for number in range(MOST_ENTRIES + 1):
        (root / str(number)).symlink_to("x")
    with pytest.raises(BuildFailed, match="entries at its top"):
        root_entries(request)
