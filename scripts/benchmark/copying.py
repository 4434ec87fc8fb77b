"""``python -m scripts.benchmark.copying SOURCE TARGET``: copies a tree by the fewest calls that
hash it, too: each file is opened, looked at, read, made, written, given its times and closed.

It checks nothing, keeps nothing, and waits for no disk."""

from __future__ import annotations

import os
import sys

from store import digest

_CHUNK = 1 << 20
_FROM = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_INTO = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TIMES = (0, 0)

_buffer = memoryview(bytearray(_CHUNK))


def copy(source: int, target: int) -> None:
    """Copy all files below one open folder into another."""
    with os.scandir(source) as scan:
        entries = list(scan)
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            _copy_file(entry.name, source, target)
        elif entry.is_dir(follow_symlinks=False):
            os.mkdir(entry.name, dir_fd=target)
            below = os.open(entry.name, _FOLDER, dir_fd=source)
            into = os.open(entry.name, _FOLDER, dir_fd=target)
            copy(below, into)
            os.close(below)
            os.close(into)


def _copy_file(name: str, source: int, target: int) -> None:
    fd = os.open(name, _FROM, dir_fd=source)
    mode = os.fstat(fd).st_mode & 0o555
    out = os.open(name, _INTO, mode, dir_fd=target)
    hasher = digest.file_hasher()
    count = _CHUNK
    while count == _CHUNK:  # a part of one is the last
        count = os.readv(fd, (_buffer,))
        hasher.update(_buffer[:count])
        os.write(out, _buffer[:count])
    hasher.digest()
    os.close(fd)
    os.utime(out, ns=_TIMES)
    os.close(out)


def main() -> None:
    """Copy the one tree that is named to the place that is."""
    source, target = sys.argv[1:]
    os.mkdir(target)
    copy(os.open(source, _FOLDER), os.open(target, _FOLDER))


if __name__ == "__main__":
    main()
