"""A store's own manifests and equal files as a substituter: an object put together again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

from store.errors import CorruptObject, storage_error
from store.index.content_table import ContentTable
from store.index.foreign import Told
from store.local.store import Store
from store.model.file_tree import Directory, Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import LONGEST_RECORD, file_digest
from store.objects.contents import content_of
from store.substitute.directory import StoreDirectory

MOST = 50
"""Objects with an equal file that are looked at, the newest first."""


class SharedFiles:
    """Puts objects together by their manifests, from their sound parts, and from other objects that
    have equal files."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own = StoreDirectory(store.layout.root, longest=LONGEST_RECORD)
        self._work: str | None = None
        self._holders = ContentTable(store.layout.index)

    @property
    def name(self) -> str:
        """The kind of source."""
        return "shared files"

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the object's manifest; UnknownObject or CorruptObject."""
        return self._own.manifest(oid)

    def tree(self, oid: ObjectId) -> str:
        """Return a copy of the object in a work folder; CorruptObject when a file of it is nowhere
        sound.

        It lasts until the next is asked for. StorageError when it cannot be written.
        """
        self.close()
        manifest = self.manifest(oid)
        work = self._store.workspaces.make()
        self._work = work
        path = self._store.layout.object(oid)
        try:
            self._put(f"{work}/{oid}", path, manifest.root, manifest.directories)
        except OSError as error:
            raise storage_error(error, f"cannot put {oid} together") from error
        finally:
            self._holders.close()
        return f"{work}/{oid}"

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """Return None: they are recorded already."""
        return ()

    def close(self) -> None:
        """Remove the last object that was put together."""
        if self._work is not None:
            self._store.workspaces.remove(self._work)
            self._work = None

    def _put(
        self, target: str, path: str, node: Node, directories: Mapping[bytes, Directory]
    ) -> None:
        if node.kind is NodeKind.LINK:
            os.symlink(node.payload, os.fsencode(target))
        elif node.kind is NodeKind.FILE:
            shutil.copyfile(self._sound(path, node), target)
            os.chmod(target, 0o755 if node.executable else 0o644)
        else:
            os.mkdir(target)
            for raw, below in directories[node.payload].entries:
                name = os.fsdecode(raw)
                self._put(f"{target}/{name}", f"{path}/{name}", below, directories)

    def _sound(self, path: str, node: Node) -> str:
        """Return where the file can be read; a copied file is checked once more when it is taken
        in."""
        content, objects = content_of(node.payload, node.executable), self._store.layout.objects
        found = self._holders.find(content, MOST)
        for candidate in (path, *(f"{objects}/{os.fsdecode(each)}" for each in found)):
            try:
                if not os.path.islink(candidate) and file_digest(candidate) == node.payload:
                    return candidate
            except OSError:
                continue  # not there, or unreadable: so it is with the next, or not
        raise CorruptObject(f"there is no sound copy of {path}")
