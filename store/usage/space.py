"""Disk space: blocks on disk, of inodes that several objects may share."""

from __future__ import annotations

import contextlib
import os
import stat
from array import array
from collections.abc import Iterator, Sequence

from store.local.store import Store
from store.system.longpath import lstat, open_at
from store.system.parallel import map_each

BLOCK = 512

FEW = 5000
"""Objects that one process looks at before another is worth its start."""

_WALK = -1
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def walk(path: str) -> Iterator[os.stat_result]:
    """Yield everything at or below ``path``, however deep; entries that vanish meanwhile, or cannot
    be read, are passed over."""
    try:
        found = lstat(path)
    except (FileNotFoundError, NotADirectoryError):
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
        with os.scandir(folder) as scan:
            entries = [(entry.path, entry.stat(follow_symlinks=False)) for entry in scan]
    except OSError:
        entries = list(_one_by_one(folder))
    yield from entries


def _one_by_one(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the entries of a folder that changes, that only descriptors reach, or that is
    damaged."""
    try:
        fd = open_at(folder, _FOLDER)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            for name in os.listdir(fd):
                with contextlib.suppress(OSError):
                    yield f"{folder}/{name}", os.stat(name, dir_fd=fd, follow_symlinks=False)
    finally:
        os.close(fd)


class SpaceForecast:
    """The bytes that deleting one object after another frees."""

    def __init__(self, store: Store) -> None:
        self._objects = f"{store.layout.objects}/"
        self._manifests = f"{store.layout.manifests}/"
        self._left: dict[int, int] = {}

    def freed_by(self, names: Sequence[str]) -> list[int]:
        """Return, for each of the objects ``<digest>-<name>``, the bytes that the disk gets back
        when it is deleted too, after those before it."""
        looks = map_each(self._looks, names, FEW)
        return [
            (self._walked(name) if blocks == _WALK else blocks) * BLOCK
            for name, blocks in zip(names, looks, strict=True)
        ]

    def _looks(self, names: Sequence[str]) -> array[int]:
        """Return the blocks of each object with its manifest; ``_WALK`` where more than one look is
        needed: for folders, and for files that other objects share."""
        found, status_of = array("q"), os.lstat
        objects, manifests = self._objects, self._manifests
        for name in names:
            try:
                status = status_of(objects + name)
            except FileNotFoundError:
                blocks = 0
            else:
                if status.st_nlink > 1 or stat.S_ISDIR(status.st_mode):
                    found.append(_WALK)
                    continue
                blocks = status.st_blocks
            try:
                found.append(blocks + status_of(manifests + name).st_blocks)
            except FileNotFoundError:
                found.append(blocks)
        return found

    def freed_below(self, folder: str) -> int:
        """Return bytes that the disk gets back when the files of a folder are deleted as well."""
        return (self._blocks(folder) - os.lstat(folder).st_blocks) * BLOCK

    def _walked(self, name: str) -> int:
        return self._blocks(self._objects + name) + self._blocks(self._manifests + name)

    def _blocks(self, path: str) -> int:
        blocks = 0
        for found in walk(path):
            links = found.st_nlink
            if links > 1 and not stat.S_ISDIR(found.st_mode):
                left = self._left[found.st_ino] = self._left.get(found.st_ino, links) - 1
                if left:
                    continue
            blocks += found.st_blocks
        return blocks
