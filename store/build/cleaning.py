"""Removing what a build left behind, whatever its builder did to it; or making room for another."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import Final

from store.build.preparation import DIRECTORIES, MOUNT_POINT

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = "new"
"""A directory of a work directory that no builder sees: what the others look like when made."""

_GET_FLAGS: Final = 0x8008_6601, 8  # FS_IOC_GETFLAGS and the size of what it fills
_GET_ATTRIBUTES: Final = 0x801C_581F, 28  # FS_IOC_FSGETXATTR, of struct fsxattr


def renew(path: str) -> None:
    """Make a work directory fit for another build: empty, and nothing of the last one to be seen.

    A directory that the builder has left with another size, flags or attributes than a new one has
    is removed, and will be made again. Others are kept: where they come and go by the thousand,
    ext4 spends longer and longer looking for inodes that were not freed just now.
    """
    top = _open_directory(os.path.abspath(path), None)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(_NEW, dir_fd=top)
        wanted = _traits(_NEW, top)
        for name in os.listdir(top):
            if name in DIRECTORIES:
                _renew_directory(name, top, wanted)
            elif name not in (_NEW, MOUNT_POINT):
                os.unlink(name, dir_fd=top)
    finally:
        os.close(top)


def _renew_directory(name: str, top: int, wanted: tuple[object, ...]) -> None:
    fd = _open_directory(name, top)
    try:
        _empty(fd)
        os.utime(fd)
    finally:
        os.close(fd)
    if _traits(name, top) != wanted:
        os.rmdir(name, dir_fd=top)


def _traits(name: str, folder: int) -> tuple[object, ...]:
    """What a builder could tell a directory from a new one by, but for owner, mode and times."""
    fd = os.open(name, _OPEN, dir_fd=folder)
    try:
        found = os.fstat(fd)
        asked = [_ask(fd, *request) for request in (_GET_FLAGS, _GET_ATTRIBUTES)]
        return found.st_size, found.st_blocks, found.st_nlink, _attributes(fd), *asked
    finally:
        os.close(fd)


def _ask(fd: int, request: int, size: int) -> bytes | None:
    """The answer of the file system; None when it does not know the question."""
    with contextlib.suppress(OSError):
        return fcntl.ioctl(fd, request, bytes(size))
    return None


def _attributes(fd: int) -> list[str] | None:
    with contextlib.suppress(OSError):
        return sorted(os.listxattr(fd))
    return None


def remove(path: str) -> None:
    """Remove a directory and all below it. Nothing is done if it is not there.

    Links are removed and not followed; directories without permissions are given them; however
    deep the tree is, two descriptors suffice. No process may be changing the tree meanwhile.
    """
    try:
        top = _open_directory(os.path.abspath(path), None)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    os.rmdir(path)


def _empty(top: int) -> None:
    """Flatten while removing: a subdirectory that is not empty moves up to ``top``."""
    pending = _clear(top, top)
    while pending:
        name = pending.pop()
        directory = _open_directory(name, top)
        try:
            pending += _clear(directory, top)
        finally:
            os.close(directory)
        os.rmdir(name, dir_fd=top)


def _clear(directory: int, top: int) -> list[str]:
    """Remove what can be at once; the names in ``top`` of the directories that cannot."""
    left = []
    with os.scandir(directory) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
    for name, is_directory in entries:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
            continue
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=directory)
            continue
        left.append(name if directory == top else _move_up(name, directory, top))
    return left


def _move_up(name: str, directory: int, top: int) -> str:
    # Moving a directory writes its "..", which asks for permission to write in it.
    os.close(_open_directory(name, directory))
    new = f".removing-{os.lstat(name, dir_fd=directory).st_ino}"
    os.rename(name, new, src_dir_fd=directory, dst_dir_fd=top)
    return new


def _open_directory(name: str, parent: int | None) -> int:
    """Open a directory for reading, and make sure that it can be written and searched."""
    handle = os.open(name, _HANDLE, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            # Not by name, which chmod(2) would follow if it were a link.
            os.chmod(f"/proc/self/fd/{handle}", mode | stat.S_IRWXU)
        return os.open(".", _OPEN, dir_fd=handle)
    finally:
        os.close(handle)
