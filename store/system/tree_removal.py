"""The result of removing a tree, which threads and processes add up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

BLOCK: Final = 512
"""Bytes of a block of a file's status."""

Watch = Callable[[int], None]
"""Called now and then, by the thread that asked for a removal, with the files removed so far."""


@dataclass
class TreeRemoval:
    """``freed`` bytes, by the blocks of what lost its last name; ``left`` are those that the system
    refused to remove, with its errors, by their paths from the top. ``files`` were removed.

    ``several`` has of each inode that had more names when one was removed: how many were removed,
    how many there were at the most, and its blocks. Whoever removes one of its last two names at
    the same time as another sees two, and only :meth:`settle` knows that none is left.
    """

    freed: int = 0
    left: list[tuple[bytes, OSError]] = field(default_factory=list)
    files: int = 0
    several: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    watch: Watch | None = None

    def unlinked(self, found: os.stat_result) -> None:
        """Count a name that was removed; ``found`` is what it was just before."""
        self.files += 1
        if found.st_nlink == 1:
            self.freed += found.st_blocks * BLOCK
        else:
            self._join(found.st_ino, 1, found.st_nlink, found.st_blocks)
        if self.watch is not None:
            self.watch(self.files)

    def _join(self, inode: int, removed: int, most: int, blocks: int) -> None:
        before, seen, _ = self.several.get(inode, (0, 0, 0))
        self.several[inode] = before + removed, max(seen, most), blocks

    def add(self, other: TreeRemoval) -> None:
        """Count what another thread or process removed at the same time."""
        self.files += other.files
        self.freed += other.freed
        self.left += other.left
        for inode, counts in other.several.items():
            self._join(inode, *counts)
        if self.watch is not None:
            self.watch(self.files)

    def settle(self) -> None:
        """Count the inodes that have lost all of their names; when all of those at work have
        finished."""
        # The process that saw only the last name has counted it, and did not remove the rest.
        for removed, most, blocks in self.several.values():
            if removed >= most:
                self.freed += blocks * BLOCK
        self.several.clear()

    def refuse(self) -> None:
        """Raise the first refusal, if there was one, with the path that it is about."""
        for path, error in self.left:
            raise OSError(error.errno, error.strerror, os.fsdecode(path))
