"""Downloads that nobody goes on with, and files that did not have the hash asked for.

===================  ==============================================================
kept                 until
===================  ==============================================================
a part               no running fetch holds its lock
a checked file       an hour has passed: another process may be taking it in
a folder             an hour has passed, and no pull from a cache has it
a file in ``bad/``   a week has passed: it is there to be looked at
===================  ==============================================================

An ``older-than`` that is asked for spares younger files, and nothing else. With a
bound, the oldest go first, and before any object; no more than the bound asks for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from store.gc.policy import Policy
from store.layout.paths import Layout
from store.system.clock import age
from store.system.locks import DirectoryLock
from store.system.removing import remove_tree

HOUR: Final = 3600.0
WEEK: Final = 7 * 86400.0
_BLOCK: Final = 512
_PART: Final = ".part"


@dataclass(frozen=True)
class Download:
    """An entry of a folder of downloads: bytes on disk, and when it was changed last."""

    folder: str
    name: str
    size: int
    changed: float

    def remove(self) -> int:
        """Remove it, unless a fetch has taken it up meanwhile; returns the bytes freed."""
        try:
            path = f"{self.folder}/{self.name}"
            if os.path.islink(path):
                return remove_tree(path).freed
            if self.name.endswith(_PART) and os.path.isfile(path):
                return _remove_part(self)
            with _unused(path):
                return remove_tree(path).freed
        except OSError:
            return 0  # removed by another, or not ours to remove: the next run tries again


def abandoned(layout: Layout, policy: Policy) -> list[Download]:
    """Yield the files to remove, the oldest first. A fetch that begins now may still take up a
    part."""
    now = time.time()
    found = [
        *_old(layout.partial, now, HOUR, policy.older_than),
        *_old(layout.bad, now, WEEK, policy.older_than),
    ]
    return sorted(found, key=lambda download: download.changed)


def _old(folder: str, now: float, usual: float, asked: float | None) -> Iterator[Download]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        try:
            status = os.stat(f"{folder}/{name}", follow_symlinks=False)
        except OSError:
            continue
        download = Download(
            folder, name, status.st_blocks * _BLOCK, max(status.st_mtime, status.st_ctime)
        )
        is_part = name.endswith(_PART) and stat.S_ISREG(status.st_mode)
        least = asked if asked is not None else 0.0 if is_part else usual
        if age(download.changed, now) < least or (is_part and _is_held(download)):
            continue
        with contextlib.suppress(OSError), _unused(f"{folder}/{name}"):
            yield download


@contextlib.contextmanager
def _unused(path: str) -> Iterator[None]:
    """Keep others out of a folder, while there is work on it; OSError when one is in it. For
    anything else, do nothing."""
    if os.path.islink(path) or not os.path.isdir(path):
        yield
        return
    hold = DirectoryLock(path)
    try:
        yield
    finally:
        hold.release()


def _is_held(part: Download) -> bool:
    try:
        os.close(_locked(part))
    except OSError:
        return True
    return False


def _remove_part(part: Download) -> int:
    fd = _locked(part)
    try:
        path = f"{part.folder}/{part.name}"
        if not os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False)):
            return 0
        os.unlink(path)  # a fetch that waits for the lock sees that this is not the part any more
        return part.size
    finally:
        os.close(fd)


def _locked(part: Download) -> int:
    """Return a descriptor that holds the part's lock. Raises OSError when another has it."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(f"{part.folder}/{part.name}", flags)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
