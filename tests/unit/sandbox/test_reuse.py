"""Work directories that are removed, and those that serve another build."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from store.sandbox import reuse
from store.sandbox.preparation import DIRECTORIES, prepare
from store.sandbox.request import BuildRequest
from store.system import removing

REQUEST = BuildRequest(
    name="nothing",
    builder="/bin/sh",
    args=(),
    env=(),
    store_dir="/nowhere",
    work_dir="/nowhere",
    log_path="/nowhere/log",
    inputs=("file", "folder"),
)
SET_FLAGS, NO_DUMP = 0x4008_6602, 0x40  # FS_IOC_SETFLAGS, FS_NODUMP_FL


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory as a build had it."""
    (tmp_path / "store" / "folder").mkdir(parents=True)
    (tmp_path / "store" / "file").write_text("content")
    (tmp_path / "work").mkdir()
    prepare(replace(REQUEST, store_dir=str(tmp_path / "store"), work_dir=str(tmp_path / "work")))
    return tmp_path / "work"


def inodes(work: Path) -> dict[str, int]:
    return {name: (work / name).stat().st_ino for name in DIRECTORIES if (work / name).exists()}


def test_a_renewed_work_directory_keeps_its_directories_and_nothing_in_them(work: Path) -> None:
    (work / "build" / "deep" / "deeper").mkdir(parents=True)
    (work / "build" / "deep" / "deeper" / "file").write_text("left")
    (work / "build" / "deep").chmod(0)
    (work / "tmp" / "link").symlink_to("/nowhere")
    (work / "log").write_text("told")
    before = inodes(work)
    reuse.renew(str(work))
    assert inodes(work) == before
    assert [os.listdir(work / name) for name in DIRECTORIES] == [[], [], []]
    assert not (work / "log").exists()


def test_the_next_build_mounts_its_inputs_on_the_same_inode(work: Path, tmp_path: Path) -> None:
    point = (work / "store" / "file").stat().st_ino
    reuse.renew(str(work))
    (work / "build").chmod(0o700)
    prepare(replace(REQUEST, store_dir=str(tmp_path / "store"), work_dir=str(work)))
    assert (work / "store" / "file").stat().st_ino == point
    assert (work / "build").stat().st_mode & 0o7777 == 0o755


def test_what_inputs_were_mounted_on_is_kept_for_the_next_build(work: Path) -> None:
    (work / "store" / "output").mkdir()
    reuse.renew(str(work), REQUEST.inputs)
    assert sorted(os.listdir(work / "store")) == ["file", "folder"]
    reuse.shed(str(work), REQUEST.inputs)
    assert sorted(os.listdir(work / "store")) == ["file", "folder"]


def many(work: Path, count: int) -> list[str]:
    """So many inputs more of a former build."""
    names = [f"{number}-{'x' * 40}" for number in range(count)]
    for number, name in enumerate(names):
        (work / "store" / name).mkdir() if number % 2 else (work / "store" / name).touch()
    return names


def test_mount_points_without_a_use_are_removed_before_a_build(work: Path) -> None:
    names = many(work, 200)
    store = (work / "store").stat().st_ino
    reuse.renew(str(work), names)
    assert sorted(os.listdir(work / "store")) == sorted(names)
    reuse.shed(str(work), [*names[:180], "new"])
    assert sorted(os.listdir(work / "store")) == sorted(names[:180])
    assert (work / "store").stat().st_ino == store


def test_when_many_mount_points_have_no_use_the_directory_is_made_anew(work: Path) -> None:
    names = many(work, 200)
    reuse.renew(str(work), names)
    reuse.shed(str(work), names[:120])
    assert not (work / "store").exists()


@pytest.mark.parametrize("name", ["build", "store"])  # one that is emptied, one with mount points
def test_a_directory_with_another_flag_is_not_used_again(work: Path, name: str) -> None:
    fd = os.open(work / name, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("=l4x", NO_DUMP))
    except OSError:
        pytest.skip("this file system has no such flags")
    finally:
        os.close(fd)
    reuse.renew(str(work), REQUEST.inputs)
    assert not (work / name).exists()
    assert (work / "tmp").exists()


def test_a_directory_that_grew_is_not_used_again(work: Path) -> None:
    size = (work / "tmp").stat().st_size
    for number in range(500):
        (work / "tmp" / f"{number}-{'x' * 200}").touch()
    grown = (work / "tmp").stat().st_size
    for path in (work / "tmp").iterdir():
        path.unlink()
    if (work / "tmp").stat().st_size != grown or grown == size:
        pytest.skip("directories shrink on this file system")
    reuse.renew(str(work))
    assert not (work / "tmp").exists()
    assert (work / "build").exists()


def files_below(folder: Path, files: int) -> int:
    """Make so many files in folders of a hundred, one of them closed; returns how many."""
    for number in range(0, files, 100):
        (folder / str(number)).mkdir()
        for each in range(number, number + 100):
            (folder / str(number) / str(each)).write_text("left")
    (folder / "0").chmod(0)
    return files


@pytest.mark.slow
@pytest.mark.parametrize("how", ["renewed", "removed"])
def test_what_is_much_is_removed_by_threads_and_counted(
    work: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    unlink = os.unlink

    def noted(path: str, *, dir_fd: int | None = None) -> None:
        threads.add(threading.get_ident())
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", noted)
    files, counts = files_below(work / "store", removing.MANY + 200), list[int]()
    if how == "renewed":
        reuse.renew(str(work), ("file", "folder"), counts.append)
        assert sorted(os.listdir(work / "store")) == ["file", "folder"]
    else:
        removing.remove(str(work), counts.append)
        assert not work.exists()
        files += 2  # the mount point has two names
    assert counts[-1] == files
    assert counts == sorted(counts)
    assert len(threads) > 1


@pytest.mark.slow
def test_an_interrupted_removal_leaves_no_thread_with_a_closed_folder(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def slow(path: str, *, dir_fd: int | None = None) -> None:
        time.sleep(0.001)
        unlink(path, dir_fd=dir_fd)

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "unlink", slow)
    files_below(work / "store", removing.MANY + 200)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt) as caught:
        removing.remove(str(work), interrupt)
    assert set(threading.enumerate()) == before
    assert caught.tb  # which keeps all that a frame has


@pytest.mark.slow
def test_many_folders_are_removed_by_threads(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, int] = {}
    rmdir = os.rmdir

    def noted(path: str | bytes, *, dir_fd: int | None = None) -> None:
        threads[os.fsdecode(path)] = threading.get_ident()
        rmdir(path, dir_fd=dir_fd)

    for number in range(removing.MANY):
        (work / f"store/{number // 10}/below-{number}").mkdir(parents=True)
    monkeypatch.setattr(os, "rmdir", noted)
    removing.remove(str(work))
    assert not work.exists()
    inner = {threads[f"below-{number}"] for number in range(removing.MANY)}
    assert threading.get_ident() not in inner
