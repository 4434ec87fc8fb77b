"""Copying bytes from file to file inside the kernel, where it can."""

from __future__ import annotations

import errno
import os
from typing import Final

PIECE: Final = 1 << 20
"""Bytes that are read at once where the kernel cannot copy."""

_CANNOT = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)


def copy_bytes(source: int, target: int, count: int, *, start: int = 0, at: int = 0) -> int:
    """Copy ``count`` bytes from ``start`` of an open file to ``at`` in another; returns how many
    there were. Neither file's own position moves."""
    done = 0
    while done < count:
        try:
            moved = os.copy_file_range(source, target, count - done, start + done, at + done)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            moved = 0
        if not moved:  # the end of the file, or one that the kernel says is empty
            return done + _by_hand(source, target, count - done, start + done, at + done)
        done += moved
    return done


def _by_hand(source: int, target: int, count: int, start: int, at: int) -> int:
    done = 0
    while piece := os.pread(source, min(PIECE, count - done), start + done):
        write_at(target, piece, at + done)
        done += len(piece)
    return done


def write_at(target: int, data: bytes | bytearray | memoryview, at: int) -> None:
    """Write all of ``data`` at a position of an open file."""
    view = memoryview(data)
    while view:
        written = os.pwrite(target, view, at)
        view, at = view[written:], at + written
