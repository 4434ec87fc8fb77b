"""Unfinished files: removed when their writers were killed, and never while one goes on."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.system import unfinished
from store.system.unfinished import SPARED, sweep
from store.system.whole_file import create_file, replace_file, replace_link, replacing

ABANDONED = ".new-1-0123abcd"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def writer(folder: Path) -> Iterator[int]:
    """A process that has written half of a file in the folder, and waits."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with replacing(f"{folder}/file") as stream:
            stream.write(b"half")
            stream.flush()
            os.write(writing, b".")
            signal.pause()
    assert os.read(reading, 1) == b"."
    os.close(reading)
    os.close(writing)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def kill(pid: int) -> None:
    """Kill a process, whose status stays to be waited for."""
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([end], [], [], 60)[0]
    os.close(end)


def grow_old(folder: Path) -> None:
    """Let everything in the folder have been written before what a sweep spares."""
    then = time.time() - SPARED - 60
    for path in folder.iterdir():
        os.utime(path, (then, then), follow_symlinks=False)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def write_over(folder: Path) -> None:
    replace_file(f"{folder}/other", b"")


def write_new(folder: Path) -> None:
    create_file(f"{folder}/other", b"", 0o600)


def link(folder: Path) -> None:
    replace_link(f"{folder}/other", "elsewhere")


@pytest.mark.parametrize("write", [write_over, write_new, link])
def test_the_next_writer_removes_what_a_killed_one_left(
    folder: Path, writer: int, write: Callable[[Path], None]
) -> None:
    kill(writer)
    (left,) = names(folder)
    assert unfinished.is_one(left)
    grow_old(folder)
    write(folder)
    assert names(folder) == ["other"]


def test_a_file_of_a_live_writer_stays_however_old_it_is(folder: Path, writer: int) -> None:
    left = names(folder)
    grow_old(folder)
    sweep(str(folder))
    assert names(folder) == left
    assert not unfinished.remove_abandoned(f"{folder}/{left[0]}")
    kill(writer)
    sweep(str(folder))
    assert not names(folder)


def test_a_fresh_leftover_stays_for_a_while(folder: Path, writer: int) -> None:
    kill(writer)
    left = names(folder)
    sweep(str(folder))
    assert names(folder) == left


def test_a_link_that_a_killed_process_left_is_removed(folder: Path) -> None:
    (folder / ABANDONED).symlink_to("elsewhere")
    sweep(str(folder))
    assert names(folder) == [ABANDONED]
    grow_old(folder)
    sweep(str(folder))
    assert not names(folder)


def test_a_sweep_removes_nothing_else(folder: Path) -> None:
    kept = [".new-", ".new-1-0123abcd-", ".new-x-0123abcd", "x.new-1-0123abcd", "file"]
    for name in kept:
        (folder / name).write_bytes(b"")
    (folder / ABANDONED).mkdir()
    grow_old(folder)
    sweep(str(folder))
    assert names(folder) == sorted([*kept, ABANDONED])


def test_a_read_only_leftover_is_removed(folder: Path) -> None:
    (folder / ABANDONED).write_bytes(b"")
    (folder / ABANDONED).chmod(0o444)
    grow_old(folder)
    sweep(str(folder))
    assert not names(folder)


@pytest.mark.root(reason="files of another user")
def test_a_leftover_of_another_user_stays(folder: Path) -> None:
    (folder / ABANDONED).write_bytes(b"")
    os.chown(folder / ABANDONED, 12345, -1)
    grow_old(folder)
    sweep(str(folder))
    assert names(folder) == [ABANDONED]


def test_a_missing_folder_is_swept_in_silence(folder: Path) -> None:
    sweep(f"{folder}/missing")


def test_a_file_that_a_sweep_took_before_its_lock_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer is stopped between making its file and locking it, for longer than a sweep
    spares."""
    hold, swept = unfinished.hold, list[str]()

    def stopped(fd: int, path: str) -> bool:
        if not swept:
            swept.extend(names(folder))
            grow_old(folder)
            sweep(str(folder))
            assert not names(folder)
        return hold(fd, path)

    monkeypatch.setattr(unfinished, "hold", stopped)
    replace_file(f"{folder}/file", b"whole")
    assert (folder / "file").read_bytes() == b"whole"
    assert names(folder) == ["file"]
    assert swept != ["file"]


def test_a_link_that_a_sweep_took_before_its_place_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, swept = os.rename, list[str]()

    def stopped(path: str, target: str) -> None:
        if not swept:
            swept.extend(names(folder))
            grow_old(folder)
            sweep(str(folder))
        rename(path, target)

    monkeypatch.setattr(os, "rename", stopped)
    replace_link(f"{folder}/link", "elsewhere")
    assert os.readlink(folder / "link") == "elsewhere"
    assert names(folder) == ["link"]
    assert len(swept) == 1


def test_a_writer_that_is_asked_not_to_sweep_leaves_the_rest(folder: Path) -> None:
    (folder / ABANDONED).write_bytes(b"")
    grow_old(folder)
    with replacing(f"{folder}/file", sweeping=False):
        pass
    assert names(folder) == [ABANDONED, "file"]
