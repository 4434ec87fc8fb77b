"""What takes the space: blocks on disk, of inodes that several objects may share.

Every shared inode has one name more than the objects give it, below ``links/``.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from store.store import Store

BLOCK = 512


def walk(path: str) -> Iterator[os.stat_result]:
    """Everything at or below ``path``; what goes meanwhile, or cannot be read, is passed over."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    yield found
    folders = [path] if stat.S_ISDIR(found.st_mode) else []
    while folders:
        for below, found in _entries(folders.pop()):
            if stat.S_ISDIR(found.st_mode):
                folders.append(below)
            yield found


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        scan = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    with scan:
        for entry in scan:
            with contextlib.suppress(FileNotFoundError):
                yield entry.path, entry.stat(follow_symlinks=False)


class Forecast:
    """What deleting one object after another frees."""

    def __init__(self, store: Store) -> None:
        self._objects = store.layout.objects
        self._manifests = store.layout.manifests
        self._left: dict[int, int] = {}

    def freed_by(self, name: str) -> int:
        """Bytes that the disk gets back when the object ``<digest>-<name>`` goes, too."""
        blocks = 0
        for found in walk(f"{self._objects}/{name}"):
            links = found.st_nlink
            if links > 2 and not stat.S_ISDIR(found.st_mode):
                left = self._left[found.st_ino] = self._left.get(found.st_ino, links - 1) - 1
                if left:
                    continue
            blocks += found.st_blocks
        try:
            blocks += os.lstat(f"{self._manifests}/{name}").st_blocks
        except FileNotFoundError:
            return blocks * BLOCK
        return blocks * BLOCK
