"""Typed writing of the tables in one transaction."""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from store import canon
from store.canon import Value
from store.errors import CorruptObject, FormatError, InvalidName, StorageError
from store.index import holder
from store.index.nodes import KINDS
from store.index.reading import Reader, source_key
from store.index.schema import (
    FOLDER,
    LAST_NUMBER,
    LONGEST_KEY,
    NUMBER,
    POSITION,
    UNSEEN,
    Node,
    ObjectEntry,
    ObjectRecord,
    Root,
    Tables,
)
from store.model.derivation import Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.system.clock import unix_seconds

_HISTORY = 15


class Writer(Reader):
    """Reading and writing. The caller's transaction is all or nothing.

    ``told`` is what it changes of that which nothing else on disk tells, as
    :mod:`store.index.records` has it; ``forgotten`` is set when it takes back what stands there.
    """

    def __init__(self, txn: Any, tables: Tables) -> None:
        super().__init__(txn, tables)
        self.told: list[list[Value]] = []
        self.forgotten = False

    def _put(self, table: bytes, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._tables[table])

    def _delete(self, table: bytes, key: bytes, value: bytes = b"") -> None:
        self._txn.delete(key, value, db=self._tables[table])

    # -- objects --

    def register(
        self, oid: ObjectId, references: Sequence[ObjectId], refers_to_itself: bool, size: int
    ) -> None:
        """Make an object known; all that it refers to must be (StorageError). Twice is once."""
        self.register_all([ObjectEntry(oid, references, refers_to_itself, size)])

    def register_all(self, entries: Iterable[ObjectEntry]) -> int:
        """Make objects known, in any order; returns how many were not before.

        What they refer to is known already or among them; StorageError otherwise.
        """
        wanted = {entry.id.digest: entry for entry in entries}
        known = self._numbers_for(wanted.values())
        fresh = {digest: entry for digest, entry in wanted.items() if digest not in known}
        first = self.next_number()
        if first + len(fresh) > LAST_NUMBER:
            raise StorageError("the index has given away all of its numbers")
        if fresh:
            numbers = dict(zip(fresh, range(first, first + len(fresh)), strict=True))
            if not self._put_objects(fresh, numbers, known):
                fresh = _in_order(fresh)
                numbers = dict(zip(fresh, numbers.values(), strict=True))
                assert self._put_objects(fresh, numbers, known)
            self._put(b"meta", b"next", b"%d" % (first + len(fresh)))
        return len(fresh)

    def _numbers_for(self, entries: Iterable[ObjectEntry]) -> dict[bytes, int]:
        """The numbers of those of these objects, and of what they refer to, that are registered."""
        digests = {entry.id.digest for entry in entries}
        digests.update(other[0] for entry in entries for other in entry.references)
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            found = cursor.getmulti(sorted(digests))
        return {digest: int.from_bytes(number, "big") for digest, number in found}

    def _put_objects(
        self,
        entries: Mapping[bytes, ObjectEntry],
        numbers: Mapping[bytes, int],
        known: Mapping[bytes, int],
    ) -> bool:
        """False, and nothing done, when one refers to another that has no smaller number."""
        objects, references = [], []
        above: dict[int, list[bytes]] = {}
        pack, now = NUMBER.pack, unix_seconds()
        places = {**known, **numbers}
        for digest, entry in entries.items():
            number = numbers[digest]
            key = pack(number)
            below = array("I")
            for reference in entry.references:
                other = places.get(reference[0])
                if other is None:
                    raise StorageError(
                        f"{entry.id} refers to {reference}, which is not in the store"
                    )
                if other >= number:
                    return False
                below.append(other)
                above.setdefault(other, []).append(key)
            since = entry.registered or now
            record = ObjectRecord(entry.id, entry.size, entry.refers_to_itself, since)
            objects.append((key, record.pack()))
            references.append((key, below.tobytes()))
        # Sorted, many are put in with few looks at each page.
        self._put_all(b"objects", objects)
        self._put_all(b"references", references)
        self._put_all(
            b"referrers", [(pack(other), key) for other in sorted(above) for key in above[other]]
        )
        self._put_all(b"ids", sorted((digest, pack(number)) for digest, number in numbers.items()))
        return True

    def _put_all(self, table: bytes, items: list[tuple[bytes, bytes]]) -> None:
        with self._txn.cursor(db=self._tables[table]) as cursor:
            cursor.putmulti(items)

    def unregister(self, number: int) -> ObjectId:
        """Forget an object; returns its identity. What refers to it has to be forgotten before
        (StorageError). Records of who made it stay.
        """
        key = NUMBER.pack(number)
        record = self.record(number)
        if self._get(b"referrers", key) is not None:
            raise StorageError(f"{record.id} is still referred to")
        for other in self.below(number):
            self._delete(b"referrers", NUMBER.pack(other), key)
        self._delete(b"ids", record.id.digest)
        for table in (b"objects", b"references", b"used", b"verified"):
            self._delete(table, key)
        return record.id

    def correct(self, entry: ObjectEntry) -> None:
        """Let a registered object's record and references be these. StorageError when it refers to
        what is not registered, or was registered after it: only a new index can say so."""
        number = self.known(entry.id)
        key = NUMBER.pack(number)
        below = array("I", (self.known(other) for other in entry.references))
        if any(other >= number for other in below):
            raise StorageError(f"{entry.id} has a smaller number than what it refers to")
        since = self.record(number).registered
        record = ObjectRecord(entry.id, entry.size, entry.refers_to_itself, since)
        with contextlib.suppress(CorruptObject):
            for other in self.below(number):
                self._delete(b"referrers", NUMBER.pack(other), key)
        self._put(b"objects", key, record.pack())
        self._put(b"references", key, below.tobytes())
        for other in below:
            self._put(b"referrers", NUMBER.pack(other), key)

    def note_used(self, oids: Iterable[ObjectId], now: int | None = None) -> None:
        """The objects are used at ``now`` (Unix seconds); unknown ones are passed over."""
        when = unix_seconds() if now is None else now
        for number in map(self.number, oids):
            if number is not None and self.use_is_due(number, when):
                self._put(b"used", NUMBER.pack(number), NUMBER.pack(when))

    def note_verified(self, oids: Iterable[ObjectId], now: int | None = None) -> None:
        """The objects' contents were found sound at ``now``; unknown ones are passed over."""
        when = NUMBER.pack(unix_seconds() if now is None else now)
        for number in map(self.number, oids):
            if number is not None:
                self._put(b"verified", NUMBER.pack(number), when)

    # -- nodes and realisations --

    def put_nodes(self, nodes: Iterable[Node]) -> None:
        """Record what nodes are."""
        for full in nodes:
            # Others may read the index.
            node = full.without_secrets() if isinstance(full, Source) else full
            tag = next(tag for tag, kind in KINDS.items() if type(node) is kind)
            data = tag + node.encode()
            if self._get(b"nodes", node.digest) != data:
                self._put(b"nodes", node.digest, data)
                self.told.append(["node", data])

    def put_outcomes(self, outcomes: Mapping[bytes, bytes]) -> None:
        """Remember keys of nodes."""
        for node, key in outcomes.items():
            self._put(b"outcomes", node, key)

    def add_realisation(self, record: Realisation) -> None:
        """Add a record, or a better origin to one that is there; none is ever replaced. Its object
        may be gone, or not be here yet.

        InvalidName when it cannot be one of its derivation, where that is recorded; FormatError
        when another record has its place.
        """
        unfit = self.why_unfit(record)
        if unfit:
            raise InvalidName(unfit)
        key = _realisation_key(record)
        former = self._get(b"realisations", key)
        if former is not None:
            known = Realisation.from_stored(former)
            if known.encode() != record.encode():
                raise FormatError(f"another realisation has the key of {record.object}'s")
            record = replace(known, origin=known.origin.joined(record.origin))
        data = record.stored()
        if former != data:
            self._put(b"realisations", key, data)
            self.told.append(["realised", data])
        self._put(b"makers", record.object.digest, key)

    def remove_realisation(self, record: Realisation) -> None:
        """Forget a record that cannot be true, or counts no more."""
        self.forgotten = True
        key = _realisation_key(record)
        self._delete(b"realisations", key)
        self._delete(b"makers", record.object.digest, key)

    def set_identity(self, identity: bytes) -> None:
        """Be the store that these bytes tell from others."""
        self._put(b"meta", b"store", identity)

    # -- what is held --

    def put_root(self, name: str, oid: ObjectId, path: bytes = b"") -> None:
        """Keep an object alive under a name; ``path`` is the link that stands for it."""
        number = self.known(oid)
        key = os.fsencode(name)
        if not 0 < len(key) <= LONGEST_KEY:
            raise InvalidName(f"the name of a root has 1 to {LONGEST_KEY} bytes: {name}")
        self.set_root(key, Root(self.record(number).id, path, unix_seconds()))
        self._tell_collector([oid])

    def set_root(self, key: bytes, root: Root) -> None:
        """Write a root down as it is; its object is known."""
        self._put(b"roots", key, root.pack())
        self.told.append(["root", key, root.pack()])

    def remove_root(self, name: str) -> bool:
        """Keep the object alive no longer; returns whether there was such a root."""
        key = os.fsencode(name)
        there = bool(self._txn.delete(key, db=self._tables[b"roots"]))
        if there:
            self.told.append(["unroot", key])
            for mark in (FOLDER, UNSEEN):
                self._forget_mark(mark, key)
        return there

    def _forget_mark(self, mark: bytes, key: bytes) -> None:
        if len(key) + len(mark) <= LONGEST_KEY:  # a name, and no link's
            self._delete(b"meta", mark + key)

    def put_folder(self, name: str, mark: int) -> None:
        """Note the mark of the folder that has the link of a root; 0 when it is not known."""
        key = os.fsencode(name)
        self._delete(b"meta", UNSEEN + key)
        if mark:
            self._put(b"meta", FOLDER + key, POSITION.pack(mark))

    def put_unseen(self, since: Mapping[bytes, int | None]) -> None:
        """Note since when (Unix seconds) links of roots are out of sight, by the roots' names; None
        for those that are seen."""
        for key, when in since.items():
            if when is None:
                self._forget_mark(UNSEEN, key)
            elif self._get(b"roots", key) is not None:
                self._put(b"meta", UNSEEN + key, POSITION.pack(when))

    def put_lease(self, token: bytes | None, oids: Iterable[ObjectId]) -> bytes:
        """Lease (more) objects to this process; returns the token to add to it or end it with."""
        if token is None or self._get(b"leases", token) is None:
            token = token or os.urandom(16)
            self._put(b"leases", token, holder.myself().pack())
        oids = tuple(oids)
        for oid in oids:
            self._put(b"held", token + oid.digest, oid.name.encode())
        self.note_used(oids)
        self._tell_collector(oids)
        return token

    def end_lease(self, token: bytes, most: int | None = None) -> int:
        """End a lease; returns how many objects it let go of. With ``most``, it lets go of no more
        of them now, and ends when they were fewer."""
        held = [key for key, _ in islice(self._prefixed(b"held", token), most)]
        for key in held:
            self._delete(b"held", key)
        if most is None or len(held) < most:
            self._delete(b"leases", token)
        return len(held)

    # -- the collector's journal --

    def start_journal(self) -> None:
        """From now on, each object that becomes held is written down for the collector."""
        self._txn.drop(self._tables[b"journal"], delete=False)
        self._put(b"meta", b"collector", holder.myself().pack())

    def end_journal(self) -> None:
        """The collector has finished."""
        self._delete(b"meta", b"collector")
        self._txn.drop(self._tables[b"journal"], delete=False)

    def _tell_collector(self, oids: Iterable[ObjectId]) -> None:
        if self._get(b"meta", b"collector") is None:
            return
        with self._txn.cursor(db=self._tables[b"journal"]) as cursor:
            position = POSITION.unpack(cursor.key())[0] + 1 if cursor.last() else 0
        for oid in oids:
            self._put(b"journal", POSITION.pack(position), oid.digest)
            position += 1

    # -- the rest --

    def add_verified_source(self, sha256: str, locator: str, when: int) -> None:
        """Record that the locator yielded the hash at ``when`` (Unix seconds)."""
        if not self.verified_source(sha256, locator):
            self.told.append(["source", bytes.fromhex(sha256), os.fsencode(locator), when])
        self._put(b"sources", source_key(sha256, locator), canon.encode([when]))

    def add_history(self, name: str, milliseconds: int) -> None:
        """Record how long a build took."""
        self.put_history(name, [*self.history(name), milliseconds])

    def put_history(self, name: str, milliseconds: Sequence[int]) -> None:
        """Record how long all builds took, the newest last."""
        recent = list(milliseconds)[-_HISTORY:]
        self._put(b"history", name.encode(), canon.encode(recent))
        self.told.append(["history", name, recent])

    def put_times(self, digest: bytes, used: int, verified: int) -> None:
        """Record when an object was last used and verified, in Unix seconds, 0 for not noted."""
        number = self.number_of_digest(digest)
        for table, when in ((b"used", used), (b"verified", verified)):
            if number is not None and when:
                self._put(table, NUMBER.pack(number), NUMBER.pack(when))


def _realisation_key(record: Realisation) -> bytes:
    return record.key + record.output.encode() + b"\0" + record.digest()[:8]


def _in_order(entries: Mapping[bytes, ObjectEntry]) -> dict[bytes, ObjectEntry]:
    """What is referred to before what refers to it."""
    from graphlib import CycleError, TopologicalSorter

    graph = {
        digest: [ref.digest for ref in entry.references if ref.digest in entries]
        for digest, entry in entries.items()
    }
    try:
        return {digest: entries[digest] for digest in TopologicalSorter(graph).static_order()}
    except CycleError:
        raise StorageError("objects that refer to each other in a cycle cannot be known") from None
