"""Removing objects by their manifests: each file, and the shared inode that nothing else names.

Several processes may remove files of one object, or of objects that share files. So an inode that
had other names still is looked at once more when all of them have finished.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from store.errors import FormatError, InvalidName
from store.model.outline import Entries, Outline
from store.model.tree import NodeKind
from store.objects.content import read_record
from store.objects.sharing import link_path
from store.system.beneath import FOLDER
from store.system.longpath import open_at
from store.system.removing import mount_of

_BLOCK = 512

Folder: TypeAlias = tuple[bytes, Entries]
"""A folder's path, and its entries by the manifest."""


@dataclass
class Removed:
    """``freed`` bytes, by the blocks of what lost its last name. ``kept`` are the paths of shared
    inodes that had other names."""

    freed: int = 0
    kept: list[str] = field(default_factory=list)

    def add(self, other: Removed) -> None:
        """Count what another process removed."""
        self.freed += other.freed
        self.kept += other.kept

    def drop(self, shared: str) -> None:
        """Remove a shared inode whose only name this is."""
        with contextlib.suppress(OSError):  # there is none; or it cannot go, as an immovable one
            self.drop_or_raise(shared)

    def drop_or_raise(self, shared: str) -> None:
        """Remove a shared inode whose only name this is; OSError when the system refuses."""
        found = os.lstat(shared)
        # Who shares it in this moment has a name of its own by the time this one is gone.
        if found.st_nlink == 1 and stat.S_ISREG(found.st_mode):
            os.unlink(shared)
            self.freed += found.st_blocks * _BLOCK


def outline(objects: str, manifest: str) -> list[Folder] | None:
    """The folders of the object whose manifest this is, and which lies below ``objects``; None when
    the manifest does not tell. An object that is one file has it as an entry of ``objects``."""
    try:
        found = Outline.decode(read_record(manifest)[0])
        name = os.path.basename(manifest)
        folders = list(found.folders(os.fsencode(f"{objects}/{name}")))
    except (OSError, FormatError, InvalidName, TypeError, ValueError):
        return None
    if found.root.kind is NodeKind.FILE:
        folders.append((os.fsencode(objects), [[os.fsencode(name), *found.root.to_fields()]]))
    return folders


def remove_folders(links: str, mount: int, folders: Sequence[Folder]) -> Removed:
    """Remove the files and links of these folders, and the inodes below ``links`` that only they
    had. What is gone already, or cannot be removed, is passed over; the folders stay.

    Folders that another ``mount`` than this has are left: somebody mounted them into the object.
    """
    worker = _Worker(links, mount)
    for path, entries in folders:
        worker.folder(path, entries)
    return worker.removed


class _Worker:
    def __init__(self, links: str, mount: int) -> None:
        self._links = links
        self._mount = mount
        self.removed = Removed()

    def folder(self, path: bytes, entries: Entries) -> None:
        try:
            fd = open_at(path, FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            # Removed before a kill. Its shared inodes may have been left.
            for _, kind, executable, _, payload in entries:
                if kind == NodeKind.FILE:
                    self.removed.drop(link_path(self._links, payload, executable))
            return
        except OSError:
            return  # met again, and told, by who removes what is left of the tree
        try:
            if mount_of(fd) != self._mount:
                return
            with contextlib.suppress(OSError):
                os.fchmod(fd, 0o700)
            inodes = _inodes(fd, entries)
            for entry in entries:
                with contextlib.suppress(OSError):  # likewise
                    self._entry(fd, entry, inodes.get(entry[0]))
        finally:
            os.close(fd)

    def _entry(self, folder: int, entry: Sequence[Any], inode: int | None) -> None:
        name, kind, executable, _, payload = entry
        if kind == NodeKind.FILE:
            self._file(folder, name, inode, link_path(self._links, payload, executable))
        elif kind == NodeKind.LINK and inode is not None:
            os.unlink(name, dir_fd=folder)

    def _file(self, folder: int, name: bytes, inode: int | None, shared: str) -> None:
        try:
            found = os.lstat(shared)
        except FileNotFoundError:
            found = None
        links = 0 if found is None else found.st_nlink
        if inode is not None:
            if found is not None and found.st_ino == inode:
                links -= 1
                os.unlink(name, dir_fd=folder)
            else:
                self._unshared(folder, name)
        if found is None:
            return
        if links > 1:
            self.removed.kept.append(shared)
        elif stat.S_ISREG(found.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(shared)
                self.removed.freed += found.st_blocks * _BLOCK

    def _unshared(self, folder: int, name: bytes) -> None:
        """Remove a file whose inode has no name below ``links/``; one with several names is left to
        who removes the rest of the tree, as two who remove its last two names at once would both
        not count it."""
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if found.st_nlink == 1:
            os.unlink(name, dir_fd=folder)
            self.removed.freed += found.st_blocks * _BLOCK


def _inodes(folder: int, entries: Entries) -> dict[bytes, int]:
    """The inodes of an open folder's entries, by name, without looking at each."""
    if len(entries) == 1:
        # That of an object that is one file has as many entries as there are objects.
        name = entries[0][0]
        with contextlib.suppress(FileNotFoundError):
            return {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino}
        return {}
    with os.scandir(folder) as scan:
        return {os.fsencode(entry.name): entry.inode() for entry in scan}
