"""Files that are being written, under names of their own; and the removal of those that a killed
writer has left.

A writer holds a lock of its file (flock(2)) until the file has its place. The kernel drops the lock
when the writer has ended. So a *sweep* of the folder removes nothing that a live writer has. It
spares files that were written lately, too: not every file system has locks that hold between
machines. A link cannot be locked; its writer makes it anew when it was removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import time
from typing import Final

from store.system.clock import age

PREFIX: Final = ".new-"
"""How the names of unfinished files begin. The rest is the process, and 8 random digits: a file's
own name may be as long as one can be, and two threads may write to one place."""

SPARED: Final = 3600.0
"""Seconds since the last byte, within which no sweep removes a file."""

_NAME: Final = re.compile(rf"{re.escape(PREFIX)}\d+-[0-9a-f]{{8}}")


def name_beside(path: str) -> str:
    """Return a path for an unfinished file in the folder of ``path``, on the same disk."""
    return os.path.join(os.path.dirname(path), f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}")


def is_one(path: object) -> bool:
    """Return whether a path has the name of an unfinished file."""
    return isinstance(path, str) and _NAME.fullmatch(os.path.basename(path)) is not None


def hold(fd: int, path: str) -> bool:
    """Lock the file that was just made at ``path``, until its descriptor is closed. Returns False
    when a sweep has found it in the moment when nobody held it."""
    _locked(fd)  # where no file can be locked, no sweep removes one
    return os.path.lexists(path)


def remove_abandoned(path: str) -> bool:
    """Remove an unfinished file or link at ``path``; returns False when its writer holds it, or
    the file system has no locks. Raises OSError."""
    if stat.S_ISLNK(os.lstat(path).st_mode):
        os.unlink(path)
        return True
    fd = _open(path)
    try:
        if not _locked(fd):
            return False
        os.unlink(path)  # a live writer holds it as long as it has this name
    finally:
        os.close(fd)
    return True


def sweep(folder: str) -> None:
    """Remove the unfinished files of this user that killed writers have left in a folder, as far as
    that is possible. Folders below it are left alone, and a missing one is empty."""
    now, user = time.time(), os.geteuid()
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        for entry in entries:
            if is_one(entry.name):
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_uid == user and age(found.st_mtime, now) > SPARED:
                        remove_abandoned(entry.path)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _open(path: str) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags)  # NFS locks writable files only
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)
