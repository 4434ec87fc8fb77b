"""Removing what a build left behind, whatever its builder did to it; or making room for another."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection
from typing import Final, NamedTuple

from store.sandbox.points import LINKED, MOUNT_POINT, STORE
from store.sandbox.preparation import DIRECTORIES
from store.system.beneath import FOLDER
from store.system.removing import empty_folder, open_folder, remove
from store.system.tree_removal import Watch

_NEW: Final = "new"
"""A directory of a work directory that no builder sees: new directories look like it."""

_GET_FLAGS: Final = 0x8008_6601, 8  # FS_IOC_GETFLAGS and the size of what it fills
_GET_ATTRIBUTES: Final = 0x801C_581F, 28  # FS_IOC_FSGETXATTR, of struct fsxattr
_INDEXED: Final = 0x1000  # FS_INDEX_FL: ext4 sets it when a directory gets its second block
_EXTENTS: Final = 0xFFFF_FFFF << 64  # fsx_nextents: how many pieces it has

_LEFT: Final = 1 / 4
"""The mount points without a use, by the inputs, up to which those with one are kept."""


def renew(path: str, inputs: Collection[str] = (), watch: Watch | None = None) -> None:
    """Make a work directory fit for another build: empty, and nothing of the last one to be seen.

    The mount points of the last build's ``inputs`` stay, for :func:`shed` to choose from: below the
    mounts, no builder could change them. A directory that the builder has left with another size,
    flags or attributes than a new one has is removed, and will be made again. Others are kept:
    where they come and go by the thousand, ext4 spends longer and longer looking for inodes that
    were not freed just now.
    """
    top = open_folder(os.path.abspath(path))
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(_NEW, dir_fd=top)
        wanted = _traits(_NEW, top)
        names = os.listdir(top)
        points = frozenset() if LINKED in names else frozenset(inputs)
        for name in names:
            if name in DIRECTORIES:
                kept = points if name == STORE else frozenset()
                _renew_directory(name, top, wanted, kept, watch)
            elif name not in (_NEW, MOUNT_POINT):
                os.unlink(name, dir_fd=top)
    finally:
        os.close(top)


def shed(path: str, inputs: Collection[str]) -> None:
    """Remove from a renewed work directory the mount points that no input of the next build needs.

    When they are many, all go: a directory that has held many more names than it holds differs from
    a new one by its size.
    """
    wanted = frozenset(inputs)
    points = f"{path}/{STORE}"
    try:
        with os.scandir(points) as scan:
            left = [entry for entry in scan if entry.name not in wanted]
    except FileNotFoundError:
        return
    if len(left) > len(wanted) * _LEFT:
        remove(points)
        return
    for entry in left:
        (os.rmdir if entry.is_dir(follow_symlinks=False) else os.unlink)(entry.path)


def _renew_directory(
    name: str, top: int, wanted: _Traits, points: frozenset[str], watch: Watch | None
) -> None:
    fd = open_folder(name, top)
    try:
        empty_folder(fd, points, watch=watch).refuse()
        kept = bool(points) and bool(os.listdir(fd))
        os.utime(fd)
        found = _traits(name, top)
        # With names in it, it is as large as they need.
        if (found.marks == wanted.marks) if kept else (found == wanted):
            return
        empty_folder(fd, watch=watch).refuse()
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=top)


class _Traits(NamedTuple):
    """The traits by which a builder could tell a directory from another, but for owner, mode and
    times."""

    room: tuple[int, ...]
    marks: tuple[object, ...]


def _traits(name: str, folder: int) -> _Traits:
    fd = os.open(name, FOLDER, dir_fd=folder)
    try:
        found = os.fstat(fd)
        flags, more = (_ask(fd, *request) for request in (_GET_FLAGS, _GET_ATTRIBUTES))
        room = found.st_size, found.st_blocks, found.st_nlink, flags & _INDEXED, more & _EXTENTS
        return _Traits(room, (_attributes(fd), flags & ~_INDEXED, more & ~_EXTENTS))
    finally:
        os.close(fd)


def _ask(fd: int, request: int, size: int) -> int:
    """Return the answer of the file system as one number; -1 when it does not know the question."""
    with contextlib.suppress(OSError):
        return int.from_bytes(fcntl.ioctl(fd, request, bytes(size)), "little")
    return -1


def _attributes(fd: int) -> list[str] | None:
    with contextlib.suppress(OSError):
        return sorted(os.listxattr(fd))
    return None
