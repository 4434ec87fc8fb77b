"""Copying inside the kernel, and where it cannot."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.system.file_copy import copy_bytes, write_at

DATA = os.urandom((2 << 20) + 5)


def copied(tmp_path: Path, count: int, start: int = 0, at: int = 0) -> tuple[int, bytes]:
    """The number of bytes, and what the target holds then."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(DATA)
    target.write_bytes(b"")
    with source.open("rb") as one, target.open("r+b") as two:
        done = copy_bytes(one.fileno(), two.fileno(), count, start=start, at=at)
        assert os.lseek(one.fileno(), 0, os.SEEK_CUR) == 0
        assert os.lseek(two.fileno(), 0, os.SEEK_CUR) == 0
    return done, target.read_bytes()


@pytest.fixture(params=["by the kernel", "by hand", "half-way by hand"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How it is copied."""
    real = os.copy_file_range

    def copy(source: int, target: int, count: int, start: int, at: int) -> int:
        if request.param == "by hand" or start > 4096:
            raise OSError(errno.EXDEV, "no")
        return real(source, target, min(count, 5000), start, at)

    if request.param != "by the kernel":
        monkeypatch.setattr(os, "copy_file_range", copy)


@pytest.mark.usefixtures("way")
def test_bytes_are_copied_from_anywhere_to_anywhere(tmp_path: Path) -> None:
    assert copied(tmp_path, len(DATA)) == (len(DATA), DATA)
    assert copied(tmp_path, 10, start=3, at=2) == (10, b"\0\0" + DATA[3:13])
    assert copied(tmp_path, 0) == (0, b"")


@pytest.mark.usefixtures("way")
def test_the_end_of_the_source_ends_it(tmp_path: Path) -> None:
    done, found = copied(tmp_path, len(DATA) + 100, start=7)
    assert done == len(DATA) - 7
    assert found == DATA[7:]


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(OSError, match="full"):
        copied(tmp_path, 10)


def test_short_writes_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:3], at))
    with (tmp_path / "file").open("w+b") as file:
        write_at(file.fileno(), bytearray(b"0123456789"), 2)
        assert file.read() == b"\0\x000123456789"
