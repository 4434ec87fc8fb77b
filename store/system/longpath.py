"""Paths of any length: files whose paths the kernel would refuse as too long are reached from
descriptors.

A path handed to a system call has 4095 bytes at most; a tree on disk may be as deep as it likes.
Each function here does the work of its namesake in ``os``, and costs nothing more for a short path.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from typing import Final

from store.system.beneath import FOLDER, HANDLE

LONGEST: Final = 4095
"""Bytes of the longest path that a program can name."""

_PORTION: Final = 3800


def lstat(path: str | bytes) -> os.stat_result:
    """Act as ``os.lstat``."""
    try:
        return os.lstat(path)
    except OSError as error:
        if not _too_long(error, path):
            raise
    with reach(path) as (folder, name):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)


def readlink(path: str | bytes) -> bytes:
    """Act as ``os.readlink``, in bytes."""
    try:
        return os.readlink(os.fsencode(path))
    except OSError as error:
        if not _too_long(error, path):
            raise
    with reach(path) as (folder, name):
        return os.readlink(name, dir_fd=folder)


def open_at(path: str | bytes, flags: int) -> int:
    """Act as ``os.open`` of something that is there."""
    try:
        return os.open(path, flags)
    except OSError as error:
        if not _too_long(error, path):
            raise
    with reach(path) as (folder, name):
        return os.open(name, flags, dir_fd=folder)


def listdir(path: str) -> list[str]:
    """Act as ``os.listdir``, but never of a folder that a link leads to."""
    folder = open_at(path, FOLDER)
    try:
        return os.listdir(folder)
    finally:
        os.close(folder)


def encoded(names: Sequence[str]) -> list[bytes]:
    """Return ``os.fsencode`` of each name in a folder, for thousands."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []


def samefile(first: str, second: os.stat_result) -> bool:
    """Return whether the file at a path is the very inode that was seen."""
    return os.path.samestat(lstat(first), second)


@contextlib.contextmanager
def reach(path: str | bytes) -> Iterator[tuple[int, bytes]]:
    """Open the folder that the path's last part is in; yields it and that part. Raises OSError."""
    *parts, last = os.fsencode(path).split(b"/")
    start, parts = (b"/", parts[1:]) if parts and not parts[0] else (b".", parts)
    here = os.open(start, HANDLE)
    try:
        for portion in _portions(parts):
            below = os.open(portion, HANDLE, dir_fd=here)
            os.close(here)
            here = below
        yield here, last
    finally:
        os.close(here)


def _portions(parts: list[bytes]) -> Iterator[bytes]:
    portion = b""
    for part in parts:
        if portion and len(portion) + len(part) >= _PORTION:
            yield portion
            portion = b""
        portion = portion + b"/" + part if portion else part
    if portion:
        yield portion


def _too_long(error: OSError, path: str | bytes) -> bool:
    # A single name that is too long gives the same error, and stays one.
    return error.errno == errno.ENAMETOOLONG and len(os.fsencode(path)) >= LONGEST
