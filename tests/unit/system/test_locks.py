"""Locks between processes."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.errors import Busy, StorageError
from store.index.env import Index
from store.layout.paths import Layout
from store.local.store import Store
from store.objects.placing import exclusive
from store.system import locks
from store.system.locks import DirectoryLock, LockFile, make_held, position


def test_a_byte_is_locked_once(tmp_path: Path) -> None:
    locks = LockFile(str(tmp_path / "keys"))
    first = locks.try_lock(7)
    assert first is not None
    assert locks.try_lock(7) is None
    other = locks.try_lock(8)
    assert other is not None
    first.release()
    assert locks.try_lock(7) is not None


def test_release_frees_a_lock_that_a_forked_process_inherited(tmp_path: Path) -> None:
    locks = LockFile(str(tmp_path / "keys"))
    lock = locks.try_lock(1)
    assert lock is not None
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    lock.release()
    again = locks.try_lock(1)
    os.write(write, b"x")
    os.waitpid(child, 0)
    assert again is not None


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    locks = LockFile(str(tmp_path / "keys"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        locks.try_lock(3)
        os.write(write, b"x")
        signal.pause()
    os.read(read, 1)
    assert locks.try_lock(3) is None
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert locks.try_lock(3) is not None


def test_positions_fit_a_file_offset() -> None:
    assert position(b"\xff" * 32) == 2**63 - 1
    assert position(b"\0" * 32) == 0
    assert position(b"\1" + b"\0" * 31) != position(b"\2" + b"\0" * 31)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot take a lock"):
        LockFile(str(tmp_path)).try_lock(0)


def test_a_folder_is_held_until_released(tmp_path: Path) -> None:
    path, hold = make_held(str(tmp_path), "work-")
    with pytest.raises(BlockingIOError):
        DirectoryLock(path)
    hold.release()
    DirectoryLock(path).release()
    with pytest.raises(FileNotFoundError):
        DirectoryLock(str(tmp_path / "gone"))


# -- waiting for others --


@contextmanager
def held(hold: Callable[[Callable[[], None]], object], *, stopped: bool) -> Iterator[int]:
    """Another process that has a lock; ``hold`` takes it, and calls what it is given meanwhile."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:

        def stay() -> None:
            os.write(write, b"x")
            if stopped:
                os.kill(os.getpid(), signal.SIGSTOP)
            signal.pause()

        try:
            hold(stay)
        finally:
            os._exit(1)
    os.read(read, 1)
    if stopped:
        os.waitpid(pid, os.WUNTRACED)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)


def write_to_index(root: str, work: Callable[[], None]) -> None:
    Store.open(root).index.write(lambda txn: work())


def put_in_place(root: str, work: Callable[[], None]) -> None:
    with exclusive(Layout(root)):
        work()


USES = [
    pytest.param(write_to_index, id="index"),
    pytest.param(put_in_place, id="placing"),
]


@pytest.fixture
def root(tmp_path: Path) -> str:
    Store.open(str(tmp_path / "root")).close()
    return str(tmp_path / "root")


@pytest.mark.parametrize("use", USES)
def test_a_stopped_holder_is_named_after_a_time(
    root: str, use: Callable[[str, Callable[[], None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STOPPED_SECONDS", 0.2)
    with held(lambda stay: use(root, stay), stopped=True) as pid:
        with pytest.raises(Busy, match=f"process {pid} .*is stopped") as caught:
            use(root, lambda: None)
        assert f"kill -CONT {pid}" in str(caught.value.hint)
    use(root, lambda: None)


@pytest.mark.parametrize("use", USES)
def test_a_signal_ends_the_wait(root: str, use: Callable[[str, Callable[[], None]], None]) -> None:
    class Rung(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise Rung

    former = signal.signal(signal.SIGALRM, ring)
    try:
        with held(lambda stay: use(root, stay), stopped=False):
            # Again and again: one that comes just before the wait begins does not end it.
            signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
            began = time.monotonic()
            with pytest.raises(Rung):
                use(root, lambda: None)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert time.monotonic() - began < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    use(root, lambda: None)


def test_one_that_is_stopped_and_only_has_the_index_open_is_no_holder(root: str) -> None:
    index = Layout(root).index

    def keep_open(stay: Callable[[], None]) -> None:
        opened = Index.open(index)
        stay()
        opened.close()

    with held(keep_open, stopped=True):
        fd = os.open(f"{index}/use", os.O_RDWR)
        assert locks._holders(fd) == []
        os.close(fd)
        write_to_index(root, lambda: None)


def test_a_turn_ends_with_its_process_and_is_not_inherited(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    with locks.turn(fd, "it"):
        pid = os.fork()
        if pid == 0:
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
