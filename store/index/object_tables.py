"""Reading of objects: by identity, by number, and when they were used and verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from store.digest import TEXT_SIZE, to_texts
from store.display import quoted
from store.errors import UnknownObject
from store.index.schema import (
    COARSE,
    LAST_NUMBER,
    NUMBER,
    ObjectRecord,
    damaged,
    id_in,
    ids_in,
    names_in,
    records_in,
    size_in,
)
from store.index.tables import TableReader
from store.model.names import ObjectId


class NumberReader:
    """Objects by number. Where there are thousands, they are their numbers."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def record(self, number: int) -> ObjectRecord:
        """Return the record of the object with this number; CorruptObject when there is none."""
        data = self._tables.get(b"objects", NUMBER.pack(number))
        if data is None:
            raise damaged("objects", f"no object has the number {number}")
        return ObjectRecord.unpack(data)

    def id(self, number: int) -> ObjectId:
        """Return the identity of the object with this number; CorruptObject when there is none."""
        return id_in(self._tables.get(b"objects", NUMBER.pack(number)) or b"")

    def size(self, number: int) -> int:
        """Return bytes of the object with this number, shared files counted in full."""
        return size_in(self._tables.get(b"objects", NUMBER.pack(number)) or b"")

    def numbers(self, first: int = 0) -> Iterator[int]:
        """Yield the numbers of all objects from ``first`` on, ascending."""
        unpack = NUMBER.unpack
        with self._tables.cursor(b"references") as cursor:
            if cursor.set_range(NUMBER.pack(first)):
                for key in cursor.iternext(values=False):
                    yield unpack(key)[0]

    def next_number(self) -> int:
        """Return the next number; all numbers given so far are below it."""
        text = self._tables.get(b"meta", b"next") or b"1"
        with self._tables.cursor(b"references") as cursor:
            last = cursor.key() if cursor.last() else NUMBER.pack(0)
        if not text.isdigit() or not NUMBER.unpack(last)[0] < int(text) <= LAST_NUMBER + 1:
            # A number that is given twice would put one object in the place of another.
            raise damaged("meta", f"{quoted(text)} cannot be the next number")
        return int(text)

    def ids(self, numbers: Iterable[int]) -> list[ObjectId]:
        """Return the identities of the objects with these numbers, by digest."""
        return ids_in(sorted(self._records(numbers)))

    def names(self, numbers: Iterable[int]) -> list[str]:
        """Return ``<digest>-<name>`` of the objects with these numbers, in their order;
        CorruptObject when there is none."""
        return names_in(self._records(numbers))

    def named(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return as :meth:`names`, by number, the names of those that objects have: some may be
        missing since."""
        with self._tables.cursor(b"objects") as cursor:
            found = cursor.getmulti(list(map(NUMBER.pack, numbers)))
        there = [NUMBER.unpack(key)[0] for key, _ in found]
        return dict(zip(there, names_in([data for _, data in found]), strict=True))

    def identities(self, numbers: Iterable[int]) -> list[ObjectId]:
        """Return the identities of the objects with these numbers, in their order; CorruptObject
        when there is none."""
        return ids_in(self._records(numbers))

    def records(self, numbers: Iterable[int]) -> dict[int, ObjectRecord]:
        """Return the records of those objects, of the ones with these numbers, that are there."""
        with self._tables.cursor(b"objects") as cursor:
            found = cursor.getmulti(list(map(NUMBER.pack, numbers)))
        there = [NUMBER.unpack(key)[0] for key, _ in found]
        return dict(zip(there, records_in([data for _, data in found]), strict=True))

    def listing(self, numbers: Iterable[int]) -> list[tuple[str, int]]:
        """Return ``<digest>-<name>`` and size in bytes of the objects with these numbers, by
        digest."""
        found = sorted(self._records(numbers))
        return list(zip(names_in(found), map(size_in, found), strict=True))

    def _records(self, numbers: Iterable[int]) -> list[bytes]:
        keys = list(map(NUMBER.pack, numbers))
        with self._tables.cursor(b"objects") as cursor:
            found = [value for _, value in cursor.getmulti(keys)]
        if len(found) != len(keys):
            raise damaged("objects", f"{len(keys) - len(found)} numbers name no object")
        return found


class ObjectReader:
    """Objects by identity."""

    def __init__(self, tables: TableReader, numbers: NumberReader) -> None:
        self._tables = tables
        self._numbers = numbers

    def has(self, oid: ObjectId) -> bool:
        """Return whether the object is registered."""
        return self.number(oid) is not None

    def number(self, oid: ObjectId) -> int | None:
        """Return the object's number; None when it is not registered."""
        return self.number_of_digest(oid.digest)

    def number_of_digest(self, digest: bytes) -> int | None:
        """Return the number of the object with this digest (20 bytes); None when none is
        registered."""
        found = self._tables.get(b"ids", digest)
        return None if found is None else int(NUMBER.unpack(found)[0])

    def numbers_of(self, digests: Iterable[bytes]) -> list[int]:
        """Return the numbers of the objects with these digests, of those that are registered."""
        with self._tables.cursor(b"ids") as cursor:
            found = cursor.getmulti(sorted(set(digests)))
        return [NUMBER.unpack(number)[0] for _, number in found]

    def known(self, oid: ObjectId) -> int:
        """Return the object's number; UnknownObject otherwise."""
        number = self.number(oid)
        if number is None:
            raise UnknownObject(f"this store's index holds no object {oid}")
        return number

    def record(self, oid: ObjectId) -> ObjectRecord:
        """Return the object's record; UnknownObject otherwise."""
        return self._numbers.record(self.known(oid))

    def count(self) -> int:
        """Return how many objects are registered."""
        return self._tables.entries(b"ids")

    def all(self) -> Iterator[tuple[ObjectId, int]]:
        """Yield every object with its size in bytes, by digest."""
        with self._tables.cursor(b"objects") as cursor:
            for data in sorted(cursor.iternext(keys=False)):
                yield id_in(data), size_in(data)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of many files' names that do not begin with the digest of a registered
        object."""
        with self._tables.cursor(b"ids") as cursor:
            known = set(to_texts(list(cursor.iternext(keys=True, values=False))))
        return [name for name in names if name[:TEXT_SIZE] not in known]

    def beginning(self, first: bytes, last: bytes) -> list[ObjectId]:
        """Return the objects whose digests are from ``first`` to ``last``, by digest."""
        found = []
        with self._tables.cursor(b"ids") as cursor:
            if cursor.set_range(first):
                for digest, number in cursor:
                    if digest > last:
                        break
                    found.append(self._numbers.record(NUMBER.unpack(number)[0]).id)
        return found


class TimeReader:
    """When objects were last used, and last found sound."""

    def __init__(self, tables: TableReader, objects: ObjectReader, numbers: NumberReader) -> None:
        self._tables = tables
        self._objects = objects
        self._numbers = numbers

    def last_used(self, number: int) -> int:
        """Return Unix seconds at which the object was last used, as far as noted, or registered."""
        noted = self._tables.get(b"used", NUMBER.pack(number))
        return (
            self._numbers.record(number).registered
            if noted is None
            else int(NUMBER.unpack(noted)[0])
        )

    def use_is_due(self, number: int, now: int) -> bool:
        """Return whether a use at ``now`` would be written down."""
        return abs(now - self.last_used(number)) >= COARSE

    def last_verified(self, number: int) -> int:
        """Return Unix seconds at which the object's contents were last found sound; 0 for never."""
        noted = self._tables.get(b"verified", NUMBER.pack(number))
        return 0 if noted is None else int(NUMBER.unpack(noted)[0])
