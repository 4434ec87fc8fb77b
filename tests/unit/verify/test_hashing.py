"""Files are hashed whole, by whichever way their bytes can be had."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from blake3 import blake3

from store.objects.tree_check import Unread
from store.verify import hashing
from store.verify.hashing import CHUNK, Digest, hash_inodes

SIZES = (0, 1, CHUNK, CHUNK + 1, hashing.WINDOW, hashing.WINDOW + 1, 3 * hashing.WINDOW)


def unread(path: Path) -> Unread:
    seen = path.stat()
    return Unread(str(path), b"", seen.st_ino, seen.st_size, 1)


@pytest.fixture
def files(tmp_path: Path) -> list[Unread]:
    for size in SIZES:
        (tmp_path / f"{size}").write_bytes(os.urandom(size))
    return [unread(tmp_path / f"{size}") for size in SIZES]


def right(files: list[Unread]) -> dict[int, Digest]:
    return {item.inode: blake3(Path(item.path).read_bytes()).digest() for item in files}


def hashed(files: list[Unread]) -> dict[int, Digest]:
    known: dict[int, Digest] = {}
    hash_inodes(files, known)
    return known


def test_files_of_any_size_have_their_digest(files: list[Unread]) -> None:
    assert hashed(files) == right(files)


def test_a_huge_file_has_its_digest(files: list[Unread], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "HUGE", CHUNK + 1)
    monkeypatch.setattr(hashing, "HUGE_WINDOW", hashing.WINDOW // 2)
    assert hashed(files) == right(files)


def test_files_are_read_when_a_child_that_maps_them_dies(
    files: list[Unread], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def die(path: str, *, threads: bool) -> bytes:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGBUS)
        return b"not reached"

    monkeypatch.setattr(hashing, "_mapped_digest", die)
    monkeypatch.setattr(hashing, "FEW", CHUNK)
    assert hashed(files) == right(files)


def test_a_file_that_cannot_be_mapped_is_read(
    files: list[Unread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_POPULATE_READ", 12345)  # an old kernel knows no such advice
    monkeypatch.setattr(hashing, "FEW", CHUNK)
    assert hashed(files) == right(files)


def test_a_file_that_is_missing_says_why(files: list[Unread], tmp_path: Path) -> None:
    os.unlink(files[-1].path)
    found = hashed(files)
    assert found == {**right(files[:-1]), files[-1].inode: "No such file or directory"}


def test_what_is_known_is_not_read_again(files: list[Unread]) -> None:
    known: dict[int, Digest] = {files[-1].inode: b"as before"}
    hash_inodes(files[-1:], known)
    assert known == {files[-1].inode: b"as before"}
