"""Locks between processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from store.errors import StorageError
from store.system.locks import Hold, LockFile, make_held, position


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
        Hold(path)
    hold.release()
    Hold(path).release()
    with pytest.raises(FileNotFoundError):
        Hold(str(tmp_path / "gone"))
