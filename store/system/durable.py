"""Files on disk under a name: opened if they are files, moved, and waited for until they are there
for good."""

from __future__ import annotations

import errno
import os
import stat

from store.system.longpath import open_at


def open_file(path: str, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of an expected file. OSError for anything else: opening a fifo would wait
    for good, and where a link leads there may be no end of bytes."""
    fd = open_at(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a file", path)
    return fd


def sync_folder(path: str) -> None:
    """Wait until a folder's entries are on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def move(path: str, target: str) -> None:
    """Rename something to another folder, a directory that cannot be written to, too; that can be
    written to afterwards. Raises OSError; it is as it was then."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        os.rename(path, target)
        return
    # Its entry ".." is written.
    os.chmod(path, 0o755)
    try:
        os.rename(path, target)
    except OSError:
        os.chmod(path, stat.S_IMODE(found.st_mode))  # it stays, and is as it was
        raise
