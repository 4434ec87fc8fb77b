"""``python -m scripts.benchmark.reading FOLDER…``: opens, looks at, reads, hashes and closes each
file below the folders, and nothing else, by as many processes as there are processors.

That is the least that a program in Python does to verify them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from store import digest

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 512 << 10


def main() -> None:
    """Read all; each process takes every so many-th folder."""
    folders = [found for top in sys.argv[1:] for found in os.walk(top)]
    count = len(os.sched_getaffinity(0))
    children = []
    for number in range(1, count):
        child = os.fork()
        if child == 0:
            _read_all(folders[number::count])
            os._exit(0)
        children.append(child)
    _read_all(folders[::count])
    for child in children:
        if os.waitpid(child, 0)[1]:
            raise SystemExit(1)


def _read_all(folders: Sequence[tuple[str, list[str], list[str]]]) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    into = [buffer]
    for path, _, names in folders:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        for name in names:
            try:
                fd = os.open(name, _OPEN, dir_fd=folder)
            except OSError:
                continue  # a link
            os.fstat(fd)
            size = os.readv(fd, into)
            if size < _CHUNK:
                digest.file_digest(buffer[:size])
            else:
                _read_large(fd, buffer)
            os.close(fd)
        os.close(folder)


def _read_large(fd: int, buffer: memoryview) -> None:
    hasher = digest.file_hasher()
    hasher.update(buffer)
    while size := os.readv(fd, [buffer]):
        hasher.update(buffer[:size])
    hasher.digest()


if __name__ == "__main__":
    main()
