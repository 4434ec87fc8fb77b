"""Removing what a build left behind, whatever its builder did to it."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Final

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
