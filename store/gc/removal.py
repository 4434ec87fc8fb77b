"""Removing what was moved to the trash, and the shared inodes that nothing names any more."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator

from store.build import cleaning
from store.discarding import RUN
from store.errors import StoreError
from store.layout import Layout
from store.locks import Hold
from store.model.manifest import Manifest
from store.model.tree import Node, NodeKind
from store.objects.sharing import link_path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512


class Removal:
    """``freed`` are the bytes that the disk got back, by the blocks of what lost its last name."""

    def __init__(
        self, layout: Layout, progress: Callable[[int], None] = lambda freed: None
    ) -> None:
        self._layout = layout
        self._progress = progress
        self.freed = 0
        self.orphaned = False
        """Whether an object was removed whose manifest did not tell which inodes it shared."""

    def empty_run(self, folder: str) -> None:
        """Remove the objects and manifests that a run of the collector moved to ``folder``."""
        names = {*_list(f"{folder}/objects"), *_list(f"{folder}/manifests")}
        for name in sorted(names):
            self._remove(f"{folder}/objects", name)
            # The manifest goes last: after a kill it still tells which inodes to look at.
            self._drop_shared(f"{folder}/manifests/{name}")
            self._remove(f"{folder}/manifests", name)
            self._progress(self.freed)

    def empty_trash(self) -> None:
        """Remove what earlier runs, and others, left in the trash; what is held stays."""
        for name in _list(self._layout.trash):
            path = f"{self._layout.trash}/{name}"
            if not name.startswith(RUN):
                self._remove(self._layout.trash, name)
                self.orphaned = True
                continue
            with contextlib.suppress(BlockingIOError, FileNotFoundError, NotADirectoryError):
                hold = Hold(path)
                self.empty_run(path)
                cleaning.remove(path)
                hold.release()

    def sweep_shared(self) -> None:
        """Drop every shared inode that no object names."""
        for name in _list(self._layout.links):
            with contextlib.suppress(NotADirectoryError), _opened(name, self._layout.links) as fd:
                with os.scandir(fd) as scan:
                    entries = list(scan)
                for entry in entries:
                    self._drop(entry.name, fd, entry.stat(follow_symlinks=False))
            self._progress(self.freed)

    # -- trees --

    def _remove(self, folder: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            parent = os.open(folder, _FOLDER)
            try:
                found = os.stat(name, dir_fd=parent, follow_symlinks=False)
                self._remove_entry(name, parent, found)
            finally:
                os.close(parent)

    def _remove_entry(self, name: str, parent: int, found: os.stat_result) -> None:
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=parent)
            if found.st_nlink == 1:
                self.freed += found.st_blocks * _BLOCK
            return
        fd = os.open(name, _FOLDER, dir_fd=parent)
        try:
            os.fchmod(fd, 0o700)
            with os.scandir(fd) as scan:
                entries = list(scan)
            for entry in entries:
                self._remove_entry(entry.name, fd, entry.stat(follow_symlinks=False))
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=parent)
        self.freed += found.st_blocks * _BLOCK

    # -- shared inodes --

    def _drop_shared(self, manifest: str) -> None:
        try:
            with open(manifest, "rb") as stream:
                decoded = Manifest.decode(stream.read())
        except (OSError, StoreError):
            self.orphaned = True
            return
        for node in {node for node in _nodes(decoded) if node.kind is NodeKind.FILE}:
            path = link_path(self._layout.links, node.payload, node.executable)
            with contextlib.suppress(FileNotFoundError):
                self._drop(path, None, os.lstat(path))

    def _drop(self, name: str, folder: int | None, found: os.stat_result) -> None:
        # Who shares the inode in this moment has a name of its own by the time this one is gone.
        if found.st_nlink == 1 and stat.S_ISREG(found.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
                self.freed += found.st_blocks * _BLOCK


def _nodes(manifest: Manifest) -> Iterator[Node]:
    yield manifest.root
    for directory in manifest.directories.values():
        for _, node in directory.entries:
            yield node


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def _opened(name: str, parent: str) -> Iterator[int]:
    fd = os.open(f"{parent}/{name}", _FOLDER)
    try:
        yield fd
    finally:
        os.close(fd)
