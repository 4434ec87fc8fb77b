"""The questions to a place that has objects to give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.errors import Interrupted, NotOwner, StoreFull, StoreReadOnly
from store.index.foreign import Told
from store.job_errors import DiskReserve
from store.model.manifest import Manifest
from store.model.names import ObjectId

FATAL = (Interrupted, StoreFull, DiskReserve, StoreReadOnly, NotOwner)
"""Errors that say nothing of an object that was asked for, and prevent all others, too."""


class Substituter(Protocol):
    """A place that has objects. The receiver checks each object that it hands out."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the object's manifest; UnknownObject, or CorruptObject when it does not decode."""

    def tree(self, oid: ObjectId) -> str:
        """Return a path at which the object's tree can be read, once :meth:`manifest` was there."""

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """Return the records of the makers of the objects, as far as they are known there;
        StoreError when they cannot be read. Nothing in them was checked."""
