"""Removing what was moved to the trash, and the shared inodes that nothing names any more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from store.build import cleaning
from store.discarding import RUN
from store.gc.unlinking import Removed, outline, remove_folders, remove_tree
from store.layout import Layout
from store.locks import Hold
from store.objects.crew import overlap, share_out

BROAD = 128 << 10
"""Bytes of the manifest of an object whose folders are shared out among processes."""

FEW_FOLDERS = 64
"""Folders that one process empties in the time that forking another takes."""

FEW_OBJECTS = 256
"""Small objects, likewise."""

PORTIONS = 8
"""Of so few, for the threads of one process."""

T = TypeVar("T")


class Removal:
    """``freed`` are the bytes that the disk got back, by the blocks of what lost its last name."""

    def __init__(
        self, layout: Layout, progress: Callable[[int], None] = lambda freed: None
    ) -> None:
        self._layout = layout
        self._progress = progress
        self._removed = Removed()

    @property
    def freed(self) -> int:
        """Bytes so far."""
        return self._removed.freed

    def add(self, freed: int) -> None:
        """Count bytes that were freed elsewhere."""
        self._removed.freed += freed
        self._progress(self.freed)

    def empty_run(self, folder: str) -> None:
        """Remove the objects and manifests that a run of the collector moved to ``folder``."""
        objects, manifests = f"{folder}/objects", f"{folder}/manifests"
        names = sorted({*_list(objects), *_list(manifests)})
        small = []
        for name in names:
            if _size(f"{manifests}/{name}") < BROAD:
                small.append(name)
                continue
            folders = outline(objects, f"{manifests}/{name}") or []
            self._share_out(partial(remove_folders, self._layout.links), folders, FEW_FOLDERS)
            self._removed.freed += remove_tree(objects, name)
            self._progress(self.freed)
        self._share_out(partial(_remove_objects, folder, self._layout.links), small, FEW_OBJECTS)
        # Manifests go last: after a kill they still tell which inodes to look at.
        for shared in self._removed.kept:
            self._removed.drop(shared)
        self._removed.kept.clear()
        for name in names:
            self._removed.freed += remove_tree(manifests, name)
            self._progress(self.freed)

    def _share_out(
        self, work: Callable[[Sequence[T]], Removed], items: Sequence[T], few: int
    ) -> None:
        # Where freed blocks are discarded at once, each removal waits for the disk.
        def overlapped(part: Sequence[T]) -> list[Removed]:
            return overlap(work, part, few // PORTIONS)

        for parts in share_out(overlapped, items, few):
            for removed in parts:
                self._removed.add(removed)

    def empty_trash(self) -> None:
        """Remove what earlier runs, and others, left in the trash; what is held stays."""
        for name in _list(self._layout.trash):
            path = f"{self._layout.trash}/{name}"
            if not name.startswith(RUN):
                self._removed.freed += remove_tree(self._layout.trash, name)
                continue
            with contextlib.suppress(BlockingIOError, FileNotFoundError, NotADirectoryError):
                hold = Hold(path)
                self.empty_run(path)
                cleaning.remove(path)
                hold.release()

    def sweep_shared(self) -> None:
        """Drop every shared inode that no object names."""
        for name in _list(self._layout.links):
            shelf = f"{self._layout.links}/{name}"
            with contextlib.suppress(NotADirectoryError):
                if os.path.islink(shelf):
                    continue
                with os.scandir(shelf) as scan:
                    entries = list(scan)
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.stat(follow_symlinks=False).st_nlink == 1:
                            self._removed.drop(entry.path)
            self._progress(self.freed)


def _remove_objects(folder: str, links: str, names: Sequence[str]) -> Removed:
    """Remove small objects; their manifests stay."""
    removed, objects = Removed(), f"{folder}/objects"
    for name in names:
        folders = outline(objects, f"{folder}/manifests/{name}")
        if folders:
            removed.add(remove_folders(links, folders))
        removed.freed += remove_tree(objects, name)
    return removed


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
