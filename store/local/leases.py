"""Leases: the objects that processes use, and when objects were used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from store.errors import NotOwner, StoreFull, StoreReadOnly
from store.index.env import Index
from store.model.names import ObjectId
from store.system.clock import unix_seconds

if TYPE_CHECKING:
    from store.index.writing import Writer

MANY_LEASES = 64
"""From so many on, those of processes that have ended are dropped when one is added."""

HELD = 500
"""Objects that one transaction lets go of."""


class Leases:
    """The leases of processes, and when objects were used."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @contextlib.contextmanager
    def begin(self) -> Iterator[Lease]:
        """Hold objects in use by this process, which the collector must not take."""
        lease = Lease(self._index)
        try:
            yield lease
        finally:
            lease.end()

    def until_exit(self, oids: Iterable[ObjectId]) -> None:
        """Lease objects to this process for as long as it lives, whatever program it becomes.

        A user that may not write to the store does without.
        """
        oids = tuple(oids)

        with self._index.read() as txn:
            many = txn.leases.count() > MANY_LEASES
        with contextlib.suppress(StoreReadOnly, NotOwner, StoreFull):
            if many:
                self.drop_stale()
            self._index.write(lambda txn: Lease(self._index).add_within(txn, oids))

    def drop_stale(self) -> int:
        """End the leases of processes that have ended; returns how many there were.

        In short transactions: a big build that was killed leaves thousands of objects leased.
        """
        with self._index.read() as txn:
            stale = txn.leases.stale()
        ended = 0
        while ended < len(stale):
            ended += self._index.write(partial(_end_some, stale[ended:]))
        return ended

    def note_used(self, oids: Iterable[ObjectId]) -> None:
        """Note that the objects are used now. Written down only once an hour, and where it can
        be."""
        oids, now = tuple(oids), unix_seconds()
        with self._index.read() as txn:
            known = [number for number in map(txn.objects.number, oids) if number is not None]
            due = any(txn.times.use_is_due(number, now) for number in known)
        if due:
            with contextlib.suppress(StoreReadOnly, NotOwner, StoreFull):
                self._index.write(lambda txn: txn.times.note_used(oids, now))


class Lease:
    """The objects that one process uses. It ends with the process, if not before.

    Whoever relies on an object leases it *first* and looks whether it is there *then*: so the
    collector either sees the lease, or has been before the look.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._token = os.urandom(16)
        self._held: set[ObjectId] = set()
        self._begun = False

    @property
    def held(self) -> int:
        """The number of objects that are held."""
        return len(self._held)

    def add(self, oids: Iterable[ObjectId]) -> bool:
        """Hold more objects; returns whether there was one among them that was not held."""
        fresh = sorted(set(oids) - self._held)
        if fresh:
            self._index.write(lambda txn: self.add_within(txn, fresh))
            self._held.update(fresh)
        return bool(fresh)

    def add_within(self, txn: Writer, oids: Iterable[ObjectId]) -> None:
        """Hold more objects, from the end of a transaction under way; :meth:`note` comes then."""
        self._begun = True
        txn.leases.put(self._token, oids)

    def note(self, oids: Iterable[ObjectId]) -> None:
        """Note that a transaction has ended in which these objects were added."""
        self._held.update(oids)

    def end(self) -> None:
        """Hold nothing any more."""
        if self._begun:
            self._begun = False
            self._held.clear()
            self._index.write(lambda txn: txn.leases.end(self._token))


def _end_some(tokens: Iterable[bytes], txn: Writer) -> int:
    """End the first of the leases, as many as a short transaction can; returns how many."""
    left, ended = HELD, 0
    for token in tokens:
        left -= txn.leases.end(token, left)
        if left == 0:
            break  # and the last of them may hold more
        ended += 1
    return ended
