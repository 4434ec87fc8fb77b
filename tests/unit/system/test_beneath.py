"""Opening below a folder: never through a link, by openat2(2) or by steps."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.system import kernel
from store.system.beneath import FOLDER, open_beneath, open_file_beneath


@pytest.fixture(params=["openat2", "steps"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    if request.param == "steps":

        def refuse(*_: object) -> int:
            raise OSError(errno.ENOSYS, "no such call")

        monkeypatch.setattr(kernel, "openat2", refuse)
    (tmp_path / "outside").write_text("secret")
    inside = tmp_path / "inside"
    (inside / "a" / "b").mkdir(parents=True)
    (inside / "a" / "b" / "file").write_text("content")
    (inside / "link").symlink_to("a/b/file")
    (inside / "away").symlink_to("..")
    (inside / "a" / "up").symlink_to("b")
    os.mkfifo(inside / "fifo")
    fd = os.open(inside, FOLDER)
    yield fd
    os.close(fd)


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def test_a_file_is_opened_by_its_path(folder: int) -> None:
    assert read(open_file_beneath(folder, "a/b/file")) == b"content"
    assert read(open_file_beneath(folder, b"a//b/./file")) == b"content"


@pytest.mark.parametrize("path", ["link", "away/outside", "a/up/file", "away"])
def test_no_link_is_followed_at_any_part(folder: int, path: str) -> None:
    with pytest.raises(OSError) as caught:
        open_file_beneath(folder, path)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)
    assert caught.value.filename == path


@pytest.mark.parametrize("path", ["..", "a/../a", "/etc/passwd", "", "a/b/../../.."])
def test_a_path_that_leaves_the_folder_is_refused(folder: int, path: str) -> None:
    with pytest.raises(OSError) as caught:
        open_beneath(folder, path, os.O_PATH)
    assert caught.value.errno == errno.EXDEV


def test_a_link_itself_can_be_opened_as_a_path(folder: int) -> None:
    fd = open_beneath(folder, "link", os.O_PATH)
    try:
        assert os.readlink("", dir_fd=fd) == "a/b/file"
    finally:
        os.close(fd)


def test_a_fifo_is_refused_and_not_waited_for(folder: int) -> None:
    with pytest.raises(OSError) as caught:
        open_file_beneath(folder, "fifo")
    assert caught.value.errno == errno.EINVAL


def test_a_file_is_made_with_its_mode(folder: int) -> None:
    os.close(open_beneath(folder, "a/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    assert os.stat("a/new", dir_fd=folder).st_mode & 0o777 == 0o600


def test_descriptors_are_closed_on_exec(folder: int) -> None:
    fd = open_beneath(folder, "a", FOLDER)
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
