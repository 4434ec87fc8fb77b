"""Folders of tests in memory. A store makes each of its steps durable, and on a disk most of the
time of a small test is the wait for that.

Tests whose subject is a disk keep theirs on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from store.index import reserve

MEMORY: Final = Path("/dev/shm")
NAME: Final = "fixpoint-tests-"
ENOUGH: Final = 4 << 30
"""Bytes that are free there, or the disk is used: all folders at once take a tenth."""
ENOUGH_TO_BUILD: Final = 10 << 30
"""The same for tests that build: their stores hold the seeds, and each worker has its own."""

SMALL_RESERVE: Final = 64 << 10
"""Bytes that the index of a test's store keeps of the disk, instead of 16 MiB. A disk sets them
aside in no time; memory has to be cleared, which takes longer than all else of a new store."""

_FACTORY: Final = pytest.StashKey[pytest.TempPathFactory]()
_USUAL: Final = pytest.StashKey[pytest.TempPathFactory]()
_FOLDER: Final = pytest.StashKey[Path]()
_OWNER: Final = pytest.StashKey[int]()


def prepare(config: pytest.Config) -> None:
    """Choose the folder of this run, if there is memory and nobody asked for another place."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        if folder := worker.get("memory"):
            _use(config, Path(folder) / worker["workerid"])
    elif config.option.basetemp is None and fits(MEMORY, ENOUGH):
        remove_old(MEMORY)
        config.stash[_FOLDER] = folder = Path(tempfile.mkdtemp(prefix=NAME, dir=MEMORY))
        config.stash[_OWNER] = os.getpid()
        lock(folder)
        _use(config, folder / "main")


def share(config: pytest.Config, worker: dict[str, Any]) -> None:
    """Let a worker use the folder of its controller."""
    if (folder := config.stash.get(_FOLDER, None)) is not None:
        worker["memory"] = str(folder)


def clear(config: pytest.Config, failed: int) -> None:
    """Remove the folder of this run. After a failure it stays until the next run.

    A process that a test forked removes nothing: an interruption may lead it up to here, too.
    """
    if failed or config.stash.get(_OWNER, None) != os.getpid():
        return
    if (folder := config.stash.get(_FOLDER, None)) is not None:
        remove(folder)


def factory_of(
    config: pytest.Config, usual: pytest.TempPathFactory, enough: int = 0
) -> pytest.TempPathFactory:
    """Return the factory of folders in memory, or the usual one where there is none, or fewer
    than ``enough`` bytes are free."""
    config.stash[_USUAL] = usual
    found = config.stash.get(_FACTORY, usual)
    if found is not usual and not fits(MEMORY, enough):
        return usual
    return found


def on_disk(config: pytest.Config) -> pytest.TempPathFactory:
    """Return the usual factory, once :func:`factory_of` was called."""
    return config.stash[_USUAL]


def fits(memory: Path, enough: int) -> bool:
    """Return whether a file system has ``enough`` bytes free, and may hold programs."""
    try:
        found = os.statvfs(memory)
    except OSError:
        return False
    room = found.f_bavail * found.f_frsize
    return room >= enough and not found.f_flag & os.ST_NOEXEC and os.access(memory, os.W_OK)


@contextlib.contextmanager
def small_reserve() -> Iterator[None]:
    """Let the stores that are made within keep little of the disk, also those of commands."""
    usual, reserve.MOST = reserve.MOST, SMALL_RESERVE
    try:
        yield
    finally:
        reserve.MOST = usual


def remove_old(memory: Path) -> None:
    """Remove the folders of runs that failed or were killed: nobody has them locked."""
    for folder in memory.glob(f"{NAME}*"):
        with contextlib.suppress(OSError):
            descriptor = lock(folder)
            remove(folder)
            os.close(descriptor)


def lock(folder: Path) -> int:
    """Lock a folder as long as the descriptor is open, which is returned; BlockingIOError when
    another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _use(config: pytest.Config, base: Path) -> None:
    config.stash[_FACTORY] = pytest.TempPathFactory(
        base,
        retention_count=3,
        retention_policy=config.getini("tmp_path_retention_policy"),
        trace=config.trace.get("tmpdir"),
        _ispytest=True,
    )


def remove(folder: Path) -> None:
    """Remove a folder with all in it, also where a test took the right to write."""
    with contextlib.suppress(OSError):
        for top, _, _ in os.walk(folder):
            os.chmod(top, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
