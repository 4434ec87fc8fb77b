"""Removal of the trash, by several processes where that pays."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from store.display import reason
from store.layout.paths import Layout
from store.local.object_removal import RUN
from store.system.beneath import opened
from store.system.locks import DirectoryLock
from store.system.parallel import map_chunks, map_threads
from store.system.portions import parts_of, remove_folders, remove_portions
from store.system.removing import open_folder, remove_part, remove_tree
from store.system.tree_removal import TreeRemoval

BROAD = 128 << 10
"""Bytes of the manifest of an object whose folders are shared out among processes."""

FEW_PORTIONS = 64
"""Portions of files that one process removes in the time that forking another takes."""

FEW_OBJECTS = 256
"""Small objects, likewise."""

PORTIONS = 8
"""Of so few, for the threads of one process."""

T = TypeVar("T")


class DeadRemoval:
    """``freed`` are the bytes that the disk got back, by the blocks of files that lost their last
    name; ``left`` has the paths that could not be removed, and the reasons: the next run tries
    again."""

    def __init__(
        self, layout: Layout, progress: Callable[[int], None] = lambda freed: None
    ) -> None:
        self._layout = layout
        self._progress = progress
        self.freed = 0
        self.left: dict[str, str] = {}

    def add(self, freed: int) -> None:
        """Count bytes that were freed."""
        self.freed += freed
        self._progress(self.freed)

    def empty_run(self, folder: str) -> None:
        """Remove the objects and manifests that a run of the collector moved to ``folder``."""
        objects, manifests = f"{folder}/objects", f"{folder}/manifests"
        names = _list(objects)
        for name in names:
            if _size(f"{manifests}/{name}") >= BROAD:
                self._thin_out(f"{objects}/{name}")
        self._share_out(partial(_remove_objects, objects), names, FEW_OBJECTS)
        for below in (objects, manifests):
            for name in _list(below):
                self._remove(below, name)

    def _thin_out(self, path: str) -> None:
        """Remove most of a large object, if it is a folder that can be opened."""
        try:
            top = open_folder(path)
        except OSError:
            return
        try:
            portions, folders = parts_of(top)
            self._share_out(partial(remove_portions, top), portions, FEW_PORTIONS)
            self.add(remove_folders(top, folders).freed)
        finally:
            os.close(top)

    def _share_out(
        self, work: Callable[[Sequence[T]], TreeRemoval], items: Sequence[T], few: int
    ) -> None:
        # Where freed blocks are discarded at once, each removal waits for the disk.
        def overlapped(part: Sequence[T]) -> TreeRemoval:
            removed = TreeRemoval()
            for each in map_threads(work, part, max(few // PORTIONS, 1)):
                removed.add(each)
            return removed

        whole = TreeRemoval()
        for removed in map_chunks(overlapped, items, few):
            whole.add(removed)
        whole.settle()
        self.add(whole.freed)

    def empty_trash(self) -> None:
        """Remove the leftovers of earlier runs, and of others, in the trash; held ones stay."""
        for name in _list(self._layout.trash):
            path = f"{self._layout.trash}/{name}"
            if not name.startswith(RUN):
                self.remove(self._layout.trash, name)
                continue
            try:
                hold = DirectoryLock(path)
            except (BlockingIOError, FileNotFoundError):
                continue
            except OSError:
                self._remove(self._layout.trash, name)  # no folder, or not for anybody to open
                continue
            try:
                with contextlib.suppress(PermissionError):  # opened, or reported, by the next steps
                    self.empty_run(path)
                self._remove(self._layout.trash, name)
            finally:
                hold.release()

    def remove(self, folder: str, name: str) -> None:
        """Remove the tree with this name in a folder, which may hold thousands of files."""
        self._remove(folder, name, threads=True)

    def _remove(self, folder: str, name: str, *, threads: bool = False) -> None:
        removal = remove_tree(f"{folder}/{name}", threads=threads)
        self._refused(removal)
        self.add(removal.freed)

    def _refused(self, removal: TreeRemoval) -> None:
        for path, error in removal.left:
            self.left[os.fsdecode(path)] = reason(error)


def _remove_objects(folder: str, names: Sequence[str]) -> TreeRemoval:
    """Remove small objects; the rest of one is met, and reported, when all others are removed."""
    removed = TreeRemoval()
    with contextlib.suppress(OSError), opened(folder) as parent:
        for name in names:
            remove_part(os.fsencode(name), parent, removed)
    removed.left.clear()
    return removed


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
