"""The objects, of many, that a store lacks."""

from __future__ import annotations

from collections.abc import Iterable

from store.local.store import Store
from store.model.names import ObjectId
from store.objects.presence import looks_intact


def absent(store: Store, oids: Iterable[ObjectId]) -> set[ObjectId]:
    """Return the objects that are not in the index, or not on disk as they were stored: those that
    are not :meth:`~store.local.stored_objects.Objects.present`."""
    oids = tuple(oids)
    with store.index.read() as txn:
        known = set(filter(txn.objects.has, oids))
    return {oid for oid in oids if oid not in known or not looks_intact(store.layout.object(oid))}
