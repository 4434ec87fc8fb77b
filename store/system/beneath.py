"""Opening files below a folder, never through a symbolic link.

A file that another process or user may have changed is reached from a descriptor. Each part of the
path has to be of its expected kind. openat2(2) does that in one call; where the kernel has none or
a filter forbids it, the same is done by one call a part.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags for a folder whose entries will be read, or below which more will be opened."""

HANDLE: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags for a folder below which something will be opened, and which need not be readable."""


@contextlib.contextmanager
def opened(path: str, flags: int = HANDLE, *, folder: int | None = None) -> Iterator[int]:
    """Open the folder at ``path``, which is no link itself, as long as needed; below the descriptor
    ``folder``, if given. Raises OSError."""
    fd = os.open(path, flags) if folder is None else open_beneath(folder, path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def open_beneath(
    folder: int, path: str | bytes, flags: int, mode: int = 0, *, mounts: bool = True
) -> int:
    """Open ``path``, relative to the descriptor ``folder``; close on exec, never by a link.

    ``flags`` are those of open(2). With ``O_PATH`` the last part may be a link, which is opened
    itself; otherwise a link at any part is ELOOP or ENOTDIR. Raises OSError, its filename
    ``path``; EXDEV for ``..``, an absolute path or an empty one. Without ``mounts``, also for one
    that leads through a mount, and ENOSYS where the kernel cannot tell.
    """
    encoded = os.fsencode(path)
    if not encoded or encoded.startswith(b"/") or b".." in encoded.split(b"/"):
        raise OSError(errno.EXDEV, "not a path below the folder", path)
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if not mounts:
            return _open_in_one(folder, encoded, flags, mode, mounts=False)
        return _open(folder, encoded, flags, mode)
    except OSError as error:
        error.filename = path
        raise


def open_file_beneath(folder: int, path: str | bytes, flags: int = os.O_RDONLY) -> int:
    """Act as :func:`open_beneath`, of a regular file; without waiting, and EINVAL, for anything
    else (a fifo would wait for its writer, a device may never end)."""
    fd = open_beneath(folder, path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd


def _open(folder: int, path: bytes, flags: int, mode: int) -> int:
    try:
        return _open_in_one(folder, path, flags, mode)
    except OSError as error:
        # EPERM: a container's filter answers so for a call that it does not know.
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    return _open_by_steps(folder, path, flags, mode)


def _open_in_one(folder: int, path: bytes, flags: int, mode: int, *, mounts: bool = True) -> int:
    from store.system import kernel  # takes long to load, and short commands can do without

    resolve = kernel.RESOLVE_BENEATH | kernel.RESOLVE_NO_SYMLINKS | kernel.RESOLVE_NO_MAGICLINKS
    if not mounts:
        resolve |= kernel.RESOLVE_NO_XDEV
    return kernel.openat2(folder, path, flags, mode, resolve)


def _open_by_steps(folder: int, path: bytes, flags: int, mode: int) -> int:
    *above, last = [part for part in path.split(b"/") if part not in (b"", b".")] or [b"."]
    here = os.dup(folder)
    try:
        for part in above:
            below = os.open(part, HANDLE, dir_fd=here)
            os.close(here)
            here = below
        return os.open(last, flags, mode, dir_fd=here)
    finally:
        os.close(here)
