"""Entries of open folders: listing those of the source, making those of the copy."""

from __future__ import annotations

import os
import stat
import sys

from store.display import printable
from store.objects.content import HOLE, ZEROS

_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


_ZEROS = ZEROS[:HOLE]

LONGEST = 300
"""Characters of a path that messages show."""


def readable(path: bytes) -> str:
    """Return a path for messages: with codes for what cannot be seen, and without the middle when
    it is long."""
    text = printable(os.fsdecode(path))
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def create(name: bytes, folder: int, mode: int) -> int:
    """Return a descriptor of a new file in an open folder, for reading and writing."""
    return os.open(name, _NEW, mode, dir_fd=folder)


def make(name: bytes, folder: int) -> bool:
    """Make a folder; False when another process has made it, and fills it."""
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def listing(folder: int) -> list[tuple[bytes, int]]:
    """Return the names in an open folder, sorted, each with the file type bits of its mode."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                kind = stat.S_IFREG
            elif entry.is_dir(follow_symlinks=False):
                kind = stat.S_IFDIR
            elif entry.is_symlink():
                kind = stat.S_IFLNK
            else:
                kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
            found.append((entry.name.encode(_ENCODING, _ERRORS), kind))
    return sorted(found)


def folders_of(folder: int) -> list[tuple[bytes, int]]:
    """Return as :func:`listing` the folders alone."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return [(name, stat.S_IFDIR) for name in sorted(map(os.fsencode, names))]


def umask() -> int:
    """Return the permissions that new files of this process do not get."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``, however little the kernel takes at a time."""
    written = os.write(fd, data)
    if written == len(data):
        return
    view = memoryview(data)[written:]
    while view:
        view = view[os.write(fd, view) :]


def write_or_skip(fd: int, data: bytearray, start: int, end: int) -> None:
    """Append a part of ``data``, but for blocks of zeros, which become holes: a sparse file stays
    one. At the end, the caller sets the file's size."""
    view = memoryview(data)
    starts = range(start, end, HOLE)
    if not any(data.startswith(_ZEROS, at, end) for at in starts):
        write_all(fd, view[start:end])
        return
    for at in starts:
        if data.startswith(_ZEROS, at, end):
            os.lseek(fd, HOLE, os.SEEK_CUR)
        else:
            write_all(fd, view[at : min(at + HOLE, end)])


def special(mode: int) -> str:
    """Describe, in words, a file with this mode that no object can hold."""
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a fifo", stat.S_IFBLK: "a block device"}
    return kinds.get(stat.S_IFMT(mode), "a device")
