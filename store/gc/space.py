"""What takes the space: blocks on disk, of inodes that several objects may share.

Every shared inode has one name more than the objects give it, below ``links/``.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from store.model.names import ObjectId
from store.store import Store

BLOCK = 512


@dataclass
class Space:
    """Of one object: ``exclusive`` bytes, which its deletion alone would free, and ``shared`` ones,
    which other objects have too; ``unshared`` is what its files would take if each had its own."""

    exclusive: int = 0
    shared: int = 0
    unshared: int = 0
    files: int = 0


@dataclass
class Spaces:
    """Of all objects; ``shared`` counts every inode once that several objects have."""

    objects: dict[ObjectId, Space] = field(default_factory=dict)
    shared: int = 0

    @property
    def total(self) -> int:
        """Bytes on disk."""
        return self.shared + sum(space.exclusive for space in self.objects.values())

    @property
    def gain(self) -> int:
        """Bytes that sharing saves."""
        return sum(space.unshared for space in self.objects.values()) - self.total


def measure(
    store: Store, oids: Iterable[ObjectId], progress: Callable[[int], None] = lambda done: None
) -> Spaces:
    """Look at every file of the objects. One that is not on disk takes nothing.

    What they share with objects that are not among them is shared, too.
    """
    spaces = Spaces()
    seen: set[int] = set()
    for done, oid in enumerate(oids):
        spaces.objects[oid] = _measure(store.layout.object(oid), seen, spaces)
        progress(done)
    return spaces


def _measure(path: str, seen: set[int], spaces: Spaces) -> Space:
    space = Space()
    shared: dict[int, list[int]] = {}
    for found in _walk(path):
        size = found.st_blocks * BLOCK
        space.unshared += size
        space.files += not stat.S_ISDIR(found.st_mode)
        if stat.S_ISDIR(found.st_mode) or found.st_nlink <= 2:
            space.exclusive += size
        else:
            entry = shared.setdefault(found.st_ino, [found.st_nlink - 1, size])
            entry[0] -= 1
    for inode, (elsewhere, size) in shared.items():
        if elsewhere == 0:
            space.exclusive += size
            continue
        space.shared += size
        if inode not in seen:
            seen.add(inode)
            spaces.shared += size
    return space


def _walk(path: str) -> Iterator[os.stat_result]:
    """Everything at or below ``path``."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    yield found
    folders = [path] if stat.S_ISDIR(found.st_mode) else []
    while folders:
        with os.scandir(folders.pop()) as scan:
            for entry in scan:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    folders.append(entry.path)
                yield found


class Forecast:
    """What deleting one object after another frees."""

    def __init__(self, store: Store) -> None:
        self._layout = store.layout
        self._left: dict[int, int] = {}

    def freed_by(self, oid: ObjectId) -> int:
        """Bytes that the disk gets back when this object goes, too."""
        freed = 0
        for found in _walk(self._layout.object(oid)):
            left = 0
            if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 2:
                left = self._left.get(found.st_ino, found.st_nlink - 1) - 1
                self._left[found.st_ino] = left
            if left == 0:
                freed += found.st_blocks * BLOCK
        with contextlib.suppress(FileNotFoundError):
            freed += os.lstat(self._layout.manifest(oid)).st_blocks * BLOCK
        return freed
