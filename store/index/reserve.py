"""Room for the index on a disk that is full, or may become so.

A file takes some of the disk while there is room, so that the collector can work when there is
none: deleting writes to the index, and an index that grows needs blocks. A folder of empty files
does the same for inodes: deleted objects are moved to new folders, and locked by files.
"""

from __future__ import annotations

import contextlib
import errno
import os

from store.system import owned

MOST = 16 << 20
"""Bytes kept, on a disk that is large; on a small one, a 64th of it."""


NAMES_FOLDER = "reserve-names"
NAMES = 16
"""Inodes kept, where there is a bound to them."""


def keep(index: str) -> None:
    """Set the reserve aside below the folder ``index``, unless it is there or the disk is full."""
    _keep_names(f"{index}/{NAMES_FOLDER}")
    path = _path(index)
    if os.path.lexists(path):
        return
    size, free = _sizes(index)
    if free < 4 * size:
        return
    # A part that cannot be set aside now (no such call, no room after all) is tried next time.
    with contextlib.suppress(OSError):
        fd = owned.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, owned.PRIVATE_FILE)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            os.unlink(path)
        finally:
            os.close(fd)


def _keep_names(folder: str) -> None:
    if os.path.lexists(folder):
        return
    disk = os.statvfs(os.path.dirname(folder))
    if not disk.f_files or disk.f_favail < 4 * NAMES:  # 0: as many as there is room for
        return
    with contextlib.suppress(OSError):
        os.mkdir(folder, 0o700)
        for number in range(NAMES):
            os.close(os.open(f"{folder}/{number}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _spend_names(folder: str) -> None:
    disk = os.statvfs(os.path.dirname(folder))
    if disk.f_files and disk.f_favail < NAMES:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                os.unlink(f"{folder}/{name}")
            os.rmdir(folder)


def spend(index: str) -> bool:
    """Give the reserve to the index, if the disk is all but full; returns whether it was."""
    _spend_names(f"{index}/{NAMES_FOLDER}")
    size, free = _sizes(index)
    if free >= 2 * size:
        return False
    try:
        os.unlink(_path(index))
    except OSError:
        return False
    # At once, before another process takes it: LMDB writes into the blocks that its file has.
    lengthen(f"{index}/data.mdb", size - size // 4)
    return True


def lengthen(path: str, size: int) -> None:
    """Add ``size`` bytes to a file, if there is room. Bytes that another process adds meanwhile
    stay."""
    with contextlib.suppress(OSError):
        fd = owned.open_file(path, os.O_RDWR)
        try:
            os.posix_fallocate(fd, os.fstat(fd).st_size, size)
        finally:
            os.close(fd)


def fits(lock_file: str, size: int) -> bool:
    """Return whether the disk has room for the ``size`` bytes of LMDB's lock file, which are given
    to it now.

    LMDB writes to it through memory: on a full disk that is no error, but kills the process.
    """
    # Not opened when it is whole: closing it would drop the locks that this process has on it.
    with contextlib.suppress(FileNotFoundError):
        if os.stat(lock_file).st_blocks * 512 >= size:
            return True
    try:
        fd = owned.open_lock(lock_file)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)
    except OSError as error:
        # Another error says that the file system cannot promise room: LMDB tries its luck.
        return error.errno not in (errno.ENOSPC, errno.EDQUOT)
    return True


def _path(index: str) -> str:
    return f"{index}/reserve"


def _sizes(index: str) -> tuple[int, int]:
    """Return bytes that the reserve takes, and that are free for this user."""
    disk = os.statvfs(index)
    whole = disk.f_blocks * disk.f_frsize
    return min(MOST, whole // 64), disk.f_bavail * disk.f_frsize
