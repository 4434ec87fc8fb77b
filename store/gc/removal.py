"""Removing what was moved to the trash, and the shared inodes that nothing names any more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from store.errors import reason
from store.gc.unlinking import Removed, outline, remove_folders
from store.layout.paths import Layout
from store.local.discarding import RUN
from store.system.locks import Hold
from store.system.parallel import map_chunks, map_threads
from store.system.removing import Removal as TreeRemoval
from store.system.removing import mount_at, remove_tree

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
    """``freed`` are the bytes that the disk got back, by the blocks of what lost its last name;
    ``left`` has what could not be removed, by path, and why: the next run tries again."""

    def __init__(
        self, layout: Layout, progress: Callable[[int], None] = lambda freed: None
    ) -> None:
        self._layout = layout
        self._progress = progress
        self._removed = Removed()
        self.left: dict[str, str] = {}

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
            work = partial(remove_folders, self._layout.links, mount_at(objects))
            self._share_out(work, folders, FEW_FOLDERS)
            self._remove(objects, name)
            self._progress(self.freed)
        self._share_out(partial(_remove_objects, folder, self._layout.links), small, FEW_OBJECTS)
        # Manifests go last: after a kill they still tell which inodes to look at.
        for shared in self._removed.kept:
            self._removed.drop(shared)
        self._removed.kept.clear()
        for name in _list(objects):
            self._remove(objects, name)
        for name in names:
            self._remove(manifests, name)
            self._progress(self.freed)

    def _share_out(
        self, work: Callable[[Sequence[T]], Removed], items: Sequence[T], few: int
    ) -> None:
        # Where freed blocks are discarded at once, each removal waits for the disk.
        def overlapped(part: Sequence[T]) -> list[Removed]:
            return map_threads(work, part, few // PORTIONS)

        for parts in map_chunks(overlapped, items, few):
            for removed in parts:
                self._removed.add(removed)

    def empty_trash(self) -> None:
        """Remove what earlier runs, and others, left in the trash; what is held stays."""
        for name in _list(self._layout.trash):
            path = f"{self._layout.trash}/{name}"
            if not name.startswith(RUN):
                self.remove(self._layout.trash, name)
                continue
            try:
                hold = Hold(path)
            except (BlockingIOError, FileNotFoundError):
                continue
            except OSError:
                self._remove(self._layout.trash, name)  # no folder, or not for anybody to open
                continue
            try:
                with contextlib.suppress(PermissionError):  # opened, or told, by what follows
                    self.empty_run(path)
                self._remove(self._layout.trash, name)
            finally:
                hold.release()

    def sweep_shared(self) -> None:
        """Drop every shared inode that no object names."""
        for name in _list(self._layout.links):
            shelf = f"{self._layout.links}/{name}"
            if os.path.islink(shelf):
                continue
            try:
                with os.scandir(shelf) as scan:
                    entries = list(scan)
            except (FileNotFoundError, NotADirectoryError):
                continue  # no folder of shared files, which `store verify` tells
            except OSError as error:
                self.left[shelf] = reason(error)
                continue
            for entry in entries:
                try:
                    if entry.stat(follow_symlinks=False).st_nlink == 1:
                        self._removed.drop_or_raise(entry.path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self.left[entry.path] = reason(error)
            self._progress(self.freed)

    def remove(self, folder: str, name: str) -> None:
        """Remove what has this name in a folder, which may hold thousands of files."""
        self._remove(folder, name, threads=True)

    def _remove(self, folder: str, name: str, *, threads: bool = False) -> None:
        removal = remove_tree(f"{folder}/{name}", threads=threads)
        self._removed.freed += removal.freed
        self._refused(removal)

    def _refused(self, removal: TreeRemoval) -> None:
        for path, error in removal.left:
            self.left[os.fsdecode(path)] = reason(error)


def _remove_objects(folder: str, links: str, names: Sequence[str]) -> Removed:
    """Remove small objects; their manifests stay."""
    removed, objects = Removed(), f"{folder}/objects"
    mount = mount_at(objects)
    for name in names:
        folders = outline(objects, f"{folder}/manifests/{name}")
        if folders:
            removed.add(remove_folders(links, mount, folders))
        # What is left of it is met, and told, when all others are gone.
        removed.freed += remove_tree(f"{objects}/{name}").freed
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
