"""Writing of objects, and of when they were used and verified."""

from __future__ import annotations

import contextlib
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence

from store.errors import CorruptObject, StorageError
from store.index.object_graph import GraphReader
from store.index.object_tables import NumberReader, ObjectReader, TimeReader
from store.index.schema import LAST_NUMBER, NUMBER, ObjectEntry, ObjectRecord, pack_object
from store.index.tables import TableWriter
from store.model.names import ObjectId
from store.system.clock import unix_seconds


class ObjectWriter(ObjectReader):
    """Objects are registered and forgotten."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter, numbers: NumberReader) -> None:
        super().__init__(tables, numbers)
        self._graph = GraphReader(tables, self, numbers)

    def register(
        self, oid: ObjectId, references: Sequence[ObjectId], refers_to_itself: bool, size: int
    ) -> None:
        """Make an object known; all that it refers to must be (StorageError). Twice is once."""
        self.register_all([ObjectEntry(oid, references, refers_to_itself, size)])

    def register_all(self, entries: Iterable[ObjectEntry]) -> int:
        """Make objects known, in any order; returns how many were not before.

        Their references are known already or among them; StorageError otherwise.
        """
        wanted = {entry.id.digest: entry for entry in entries}
        known = self._numbers_for(wanted.values())
        fresh = {digest: entry for digest, entry in wanted.items() if digest not in known}
        first = self._numbers.next_number()
        if first + len(fresh) > LAST_NUMBER:
            raise StorageError("the index has given away all of its numbers")
        if fresh:
            numbers = dict(zip(fresh, range(first, first + len(fresh)), strict=True))
            if not self._put_objects(fresh, numbers, known):
                fresh = _in_order(fresh)
                numbers = dict(zip(fresh, numbers.values(), strict=True))
                assert self._put_objects(fresh, numbers, known)
            self._tables.put(b"meta", b"next", b"%d" % (first + len(fresh)))
        return len(fresh)

    def _numbers_for(self, entries: Iterable[ObjectEntry]) -> dict[bytes, int]:
        """Return the numbers of those of these objects, and of what they refer to, that are
        registered."""
        digests = {entry.id.digest for entry in entries}
        digests.update(other[0] for entry in entries for other in entry.references)
        with self._tables.cursor(b"ids") as cursor:
            found = cursor.getmulti(sorted(digests))
        return {digest: int.from_bytes(number, "big") for digest, number in found}

    def _put_objects(
        self,
        entries: Mapping[bytes, ObjectEntry],
        numbers: Mapping[bytes, int],
        known: Mapping[bytes, int],
    ) -> bool:
        """Return False, and do nothing, when one refers to another that has no smaller number."""
        places = {**known, **numbers}
        own = [numbers[digest] for digest in entries]
        below = [_places(entry, places) for entry in entries.values()]
        if any(others and max(others) >= number for number, others in zip(own, below, strict=True)):
            return False
        now, keys = unix_seconds(), list(map(NUMBER.pack, own))
        objects = [
            pack_object(oid, size, itself, registered or now)
            for oid, _, itself, size, registered in entries.values()
        ]
        # Sorted, many are put in with few looks at each page.
        self._tables.put_all(b"objects", list(zip(keys, objects, strict=True)))
        references = [array("I", others).tobytes() for others in below]
        self._tables.put_all(b"references", list(zip(keys, references, strict=True)))
        self._tables.put_all(b"referrers", _above(own, below))
        self._tables.put_all(b"ids", sorted(zip(entries, keys, strict=True)))
        return True

    def unregister(self, number: int) -> ObjectId:
        """Forget an object; returns its identity. Its referrers have to be forgotten before
        (StorageError). Records of its makers stay."""
        key = NUMBER.pack(number)
        record = self._numbers.record(number)
        if self._tables.get(b"referrers", key) is not None:
            raise StorageError(f"{record.id} is still referred to")
        for other in self._graph.below(number):
            self._tables.delete(b"referrers", NUMBER.pack(other), key)
        self._tables.delete(b"ids", record.id.digest)
        for table in (b"objects", b"references", b"used", b"verified"):
            self._tables.delete(table, key)
        return record.id

    def correct(self, entry: ObjectEntry) -> None:
        """Let a registered object's record and references be these. StorageError when it refers to
        an object that is not registered, or was registered after it: only a new index can say
        so."""
        number = self.known(entry.id)
        key = NUMBER.pack(number)
        below = array("I", (self.known(other) for other in entry.references))
        if any(other >= number for other in below):
            raise StorageError(f"{entry.id} has a smaller number than what it refers to")
        since = self._numbers.record(number).registered
        record = ObjectRecord(entry.id, entry.size, entry.refers_to_itself, since)
        with contextlib.suppress(CorruptObject):
            for other in self._graph.below(number):
                self._tables.delete(b"referrers", NUMBER.pack(other), key)
        self._tables.put(b"objects", key, record.pack())
        self._tables.put(b"references", key, below.tobytes())
        for other in below:
            self._tables.put(b"referrers", NUMBER.pack(other), key)


class TimeWriter(TimeReader):
    """Uses and verifications are noted."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter, objects: ObjectReader, numbers: NumberReader) -> None:
        super().__init__(tables, objects, numbers)

    def note_used(self, oids: Iterable[ObjectId], now: int | None = None) -> None:
        """Note that the objects are used at ``now`` (Unix seconds); unknown ones are passed
        over."""
        when = unix_seconds() if now is None else now
        for number in map(self._objects.number, oids):
            if number is not None and self.use_is_due(number, when):
                self._tables.put(b"used", NUMBER.pack(number), NUMBER.pack(when))

    def note_verified(self, oids: Iterable[ObjectId], now: int | None = None) -> None:
        """Note that the objects' contents were found sound at ``now``; unknown ones are passed
        over."""
        when = NUMBER.pack(unix_seconds() if now is None else now)
        for number in map(self._objects.number, oids):
            if number is not None:
                self._tables.put(b"verified", NUMBER.pack(number), when)

    def put(self, digest: bytes, used: int, verified: int) -> None:
        """Record when an object was last used and verified, in Unix seconds, 0 for not noted."""
        number = self._objects.number_of_digest(digest)
        for table, when in ((b"used", used), (b"verified", verified)):
            if number is not None and when:
                self._tables.put(table, NUMBER.pack(number), NUMBER.pack(when))


def _places(entry: ObjectEntry, places: Mapping[bytes, int]) -> list[int]:
    try:
        return [places[reference[0]] for reference in entry.references]
    except KeyError:
        lacking = next(other for other in entry.references if other[0] not in places)
        raise StorageError(f"{entry.id} refers to {lacking}, which is not in the store") from None


def _above(numbers: Sequence[int], below: Sequence[Sequence[int]]) -> list[tuple[bytes, bytes]]:
    """Return the pairs of ``referrers``, ascending, of objects that refer to those ``below``."""
    pairs = array(
        "Q",
        sorted(
            [
                other << 32 | number
                for number, others in zip(numbers, below, strict=True)
                for other in others
            ]
        ),
    )
    if sys.byteorder == "little":
        pairs.byteswap()
    data, half = pairs.tobytes(), NUMBER.size
    return [
        (data[at : at + half], data[at + half : at + 2 * half])
        for at in range(0, len(data), 2 * half)
    ]


def _in_order(entries: Mapping[bytes, ObjectEntry]) -> dict[bytes, ObjectEntry]:
    """Return references before their referrers."""
    from graphlib import CycleError, TopologicalSorter

    graph = {
        digest: [ref.digest for ref in entry.references if ref.digest in entries]
        for digest, entry in entries.items()
    }
    try:
        return {digest: entries[digest] for digest in TopologicalSorter(graph).static_order()}
    except CycleError:
        raise StorageError("objects that refer to each other in a cycle cannot be known") from None
