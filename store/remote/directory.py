"""Another store's folder as a substituter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from store.errors import CorruptObject, FormatError, InvalidName, StoreError, UnknownObject
from store.layout import Layout
from store.model.derivation import Derivation, Resolved, Source
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.objects.content import read_record
from store.store import Store


class StoreDirectory:
    """The store whose root is ``root``. UnknownObject when there is none."""

    def __init__(self, root: str) -> None:
        self._layout = Layout(os.path.abspath(root))
        if not os.path.isdir(self._layout.manifests):
            raise UnknownObject(f"{root} is no store", hint="give the folder that --root names")

    @property
    def name(self) -> str:
        """The folder."""
        return self._layout.root

    def manifest(self, oid: ObjectId) -> Manifest:
        """The object's manifest; UnknownObject or CorruptObject."""
        path = self._layout.manifest(oid)
        try:
            manifest = Manifest.decode(read_record(path)[0])
        except FileNotFoundError:
            raise UnknownObject(f"{self.name} has no object {oid}") from None
        except OSError as error:
            raise CorruptObject(f"{path} cannot be read: {error.strerror}") from error
        except (FormatError, InvalidName) as error:
            raise CorruptObject(f"{path} is damaged: {error.message}") from error
        if manifest.id != oid:
            raise CorruptObject(f"{path} is the manifest of {manifest.id}")
        return manifest

    def tree(self, oid: ObjectId) -> str:
        """Where the object lies."""
        return self._layout.object(oid)

    def realisations(self, oid: ObjectId) -> Sequence[Realisation]:
        """The records of who made the object; none when the index there cannot be read."""
        if self._store is None:
            return ()
        try:
            return [record for record in self._store.makers(oid) if record.object == oid]
        except StoreError:
            return ()

    def node(self, key: bytes) -> Source | Derivation | Resolved | None:
        """What the index there has under a key."""
        if self._store is None:
            return None
        try:
            return self._store.node(key)
        except StoreError:
            return None

    @cached_property
    def _store(self) -> Store | None:
        # Opening must not make what is not there.
        if not os.path.exists(f"{self._layout.index}/data.mdb"):
            return None
        try:
            return Store.open(self._layout.root)
        except StoreError:
            return None
