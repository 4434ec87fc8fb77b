"""Writing to the disk meanwhile: when it begins, that it ends, and that an error is reported."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.objects import writeback
from store.objects.writeback import ENOUGH, Writeback, written_back
from store.system import kernel


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A pipe with a byte for each round; nothing is synced."""
    told, tell = os.pipe()
    monkeypatch.setattr(kernel, "syncfs", lambda fd: os.write(tell, b"."))
    monkeypatch.setattr(writeback, "PAUSE_MS", 1)
    yield told
    os.close(told)
    os.close(tell)


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_little_is_left_to_the_kernel(folder: int, rounds: int) -> None:
    before = children()
    writing = Writeback(folder)
    writing.note(ENOUGH - 1)
    assert children() == before
    writing.end()
    os.set_blocking(rounds, False)
    with pytest.raises(BlockingIOError):
        os.read(rounds, 1)


def test_much_is_written_again_and_again_until_the_end(folder: int, rounds: int) -> None:
    before = children()
    writing = Writeback(folder)
    for _ in range(4):
        writing.note(ENOUGH // 2)
    assert children() == before + 1
    for _ in range(3):
        assert os.read(rounds, 1) == b"."
    writing.end()
    assert children() == before


def test_an_error_is_told_at_the_end(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    met, meet = os.pipe()

    def fail(fd: int) -> None:
        os.write(meet, b".")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(kernel, "syncfs", fail)
    monkeypatch.setattr(writeback, "PAUSE_MS", 1)
    writing = Writeback(folder)
    writing.note(ENOUGH)
    assert os.read(met, 1) == b"."
    with pytest.raises(OSError, match="Input/output"):
        writing.end()
    os.close(met)
    os.close(meet)


def test_it_can_be_given_up(folder: int, rounds: int) -> None:
    before = children()
    writing = Writeback(folder)
    writing.note(ENOUGH)
    writing.cancel()
    assert children() == before


def test_a_thread_syncs_whenever_much_was_written(
    folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    amount = [0]
    synced = threading.Semaphore(0)

    def fail(fd: int) -> None:
        assert os.path.samestat(os.fstat(fd), os.fstat(folder))
        assert fd != folder  # its last sync is to meet a failure again
        synced.release()
        raise OSError(errno.EIO, "a failed write")

    monkeypatch.setattr(kernel, "syncfs", fail)
    monkeypatch.setattr(writeback, "LOOK", 0.001)
    with written_back(folder, lambda: amount[0]):
        assert not synced.acquire(timeout=0.05)
        for _ in range(2):
            amount[0] += ENOUGH
            assert synced.acquire(timeout=10)
        assert not synced.acquire(timeout=0.05)
