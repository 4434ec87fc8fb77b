"""Importing objects by their paths from a cache, with the records that trusted keys signed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from store.cache.offering import Offers, StatementFile
from store.cache.pull import Pulled, pull
from store.errors import CorruptObject, UnknownObject
from store.events import Event
from store.index.writing import Writer
from store.local.leases import Lease
from store.local.store import Store
from store.model.file_tree import Node
from store.model.names import ObjectId
from store.substitute.belief import NOBODY, Belief, Judge
from store.substitute.importing import Imported, add_records
from store.system.forking import ForkedCall


def import_cached(
    store: Store,
    offers: Offers,
    oids: Sequence[ObjectId],
    lease: Lease | None = None,
    belief: Belief = NOBODY,
    emit: Callable[[Event], None] = lambda event: None,
) -> Imported:
    """Take objects with all that they refer to from a cache, and those records of their builds that
    are believed; an object that was taken stays, even if this raises because of another.

    CacheUnusable, CorruptObject or UnknownObject when one of the objects cannot be taken.
    """
    # Read before the transaction: it keeps others waiting.
    vouched = belief.vouch(frozenset(oids))
    outcome: list[Imported] = []

    def settle(txn: Writer, roots: Mapping[ObjectId, Node]) -> None:
        judge = Judge(store.layout, roots, offers.name, belief.unsigned)
        for each in vouched:
            judge.hear_signed(each)
        taken, refused = add_records(txn, judge.judged)
        outcome[:] = [Imported([], taken, 0, refused)]

    pulled = pull(store, [offers], oids, lease=lease, emit=emit, settle=settle)
    _refuse(pulled, oids, offers.name)
    (imported,) = outcome
    imported.fresh.extend(pulled.taken)
    return imported


def _refuse(pulled: Pulled, oids: Sequence[ObjectId], name: str) -> None:
    """Raise the error for the first of the objects that was not taken."""
    for error in pulled.unusable.values():
        raise error
    for oid in oids:
        if oid in pulled.refused:
            if pulled.damaged:
                lines = "".join(f"\n  {line}" for line in pulled.damaged)
                raise CorruptObject(f"{oid} is damaged in the cache {name}{lines}")
            raise UnknownObject(f"{name} does not have all of {oid}: {pulled.refused[oid]}")


def known_statements(
    store: Store, offers: Offers, oids: Collection[ObjectId], key_ids: Collection[str]
) -> list[StatementFile]:
    """Return the statements in a cache of the builds that this store knows to have made the
    objects. A cache cannot be asked by object."""
    keys = {record.key for oid in oids for record in store.realisations.makers(oid)}
    if not keys or not key_ids:
        return []
    # In another process: this one forks, and must have no threads of a connection.
    found = ForkedCall(lambda: dict(offers.by_key(keys, key_ids))).result()
    return [file for files in found.values() for file in files]
