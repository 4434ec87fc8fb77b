"""What a place is asked that has objects to give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.errors import DiskReserve, Interrupted, NotOwner, StoreFull, StoreReadOnly
from store.index.foreign import Told
from store.model.manifest import Manifest
from store.model.names import ObjectId

FATAL = (Interrupted, StoreFull, DiskReserve, StoreReadOnly, NotOwner)
"""What says nothing of an object that was asked for, and keeps all others from being had, too."""


class Substituter(Protocol):
    """A place that has objects. What it hands out is checked by who takes it."""

    @property
    def name(self) -> str:
        """What it goes by in messages."""

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the object's manifest; UnknownObject, or CorruptObject when it does not decode."""

    def tree(self, oid: ObjectId) -> str:
        """Return a path at which the object's tree can be read, once :meth:`manifest` was there."""

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """Return the records of who made the objects, as far as they are known there; StoreError
        when that cannot be read. Nothing in them was checked."""
