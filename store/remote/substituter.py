"""What a place is asked that has objects to give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.errors import DiskReserve, Interrupted, NotOwner, StoreFull, StoreReadOnly
from store.model.derivation import Derivation, Resolved, Source
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation

FATAL = (Interrupted, StoreFull, DiskReserve, StoreReadOnly, NotOwner)
"""What says nothing of an object that was asked for, and keeps all others from being had, too."""


class Substituter(Protocol):
    """A place that has objects. What it hands out is checked by who takes it."""

    @property
    def name(self) -> str:
        """What it goes by in messages."""

    def manifest(self, oid: ObjectId) -> Manifest:
        """The object's manifest; UnknownObject, or CorruptObject when it does not decode."""

    def tree(self, oid: ObjectId) -> str:
        """A path at which the object's tree can be read, once :meth:`manifest` was there."""

    def realisations(self, oid: ObjectId) -> Sequence[Realisation]:
        """The records of who made the object, as far as they are known there."""

    def node(self, key: bytes) -> Source | Derivation | Resolved | None:
        """What is recorded there under a key."""
