"""Reading of objects, and of what refers to what, in one transaction."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from store.digest import TEXT_SIZE, to_texts
from store.errors import CorruptObject, UnknownObject, quoted
from store.index.schema import (
    LAST_NUMBER,
    NUMBER,
    ObjectRecord,
    Tables,
    damaged,
    id_in,
    names_in,
    size_in,
)
from store.model.names import ObjectId


class Objects:
    """What the index knows of objects. Where there are thousands, they are their numbers."""

    def __init__(self, txn: Any, tables: Tables) -> None:
        self._txn = txn
        self._tables = tables

    def _get(self, table: bytes, key: bytes) -> bytes | None:
        value: bytes | None = self._txn.get(key, db=self._tables[table])
        return value

    def _prefixed(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._txn.cursor(db=self._tables[table]) as cursor:
            if cursor.set_range(prefix):
                for key, value in cursor:
                    if not key.startswith(prefix):
                        return
                    yield key, value

    # -- objects --

    def number(self, oid: ObjectId) -> int | None:
        """The object's number; None when it is not registered."""
        return self.number_of_digest(oid.digest)

    def number_of_digest(self, digest: bytes) -> int | None:
        """The number of the object with this digest (20 bytes); None when none is registered."""
        found = self._get(b"ids", digest)
        return None if found is None else int(NUMBER.unpack(found)[0])

    def numbers_of(self, digests: Iterable[bytes]) -> list[int]:
        """The numbers of the objects with these digests, of those that are registered."""
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            found = cursor.getmulti(sorted(set(digests)))
        return [NUMBER.unpack(number)[0] for _, number in found]

    def known(self, oid: ObjectId) -> int:
        """The object's number; UnknownObject otherwise."""
        number = self.number(oid)
        if number is None:
            raise UnknownObject(f"this store's index holds no object {oid}")
        return number

    def next_number(self) -> int:
        """All numbers given so far are below this one; CorruptObject when it cannot be so."""
        text = self._get(b"meta", b"next") or b"1"
        with self._txn.cursor(db=self._tables[b"references"]) as cursor:
            last = cursor.key() if cursor.last() else NUMBER.pack(0)
        if not text.isdigit() or not NUMBER.unpack(last)[0] < int(text) <= LAST_NUMBER + 1:
            # A number that is given twice would put one object in the place of another.
            raise damaged("meta", f"{quoted(text)} cannot be the next number")
        return int(text)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of many files' names that do not begin with the digest of a registered object."""
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            known = set(to_texts(list(cursor.iternext(keys=True, values=False))))
        return [name for name in names if name[:TEXT_SIZE] not in known]

    def has(self, oid: ObjectId) -> bool:
        """Whether the object is registered."""
        return self.number(oid) is not None

    def record(self, number: int) -> ObjectRecord:
        """The record of the object with this number; CorruptObject when there is none."""
        data = self._get(b"objects", NUMBER.pack(number))
        if data is None:
            raise damaged("objects", f"no object has the number {number}")
        return ObjectRecord.unpack(data)

    def numbers(self, first: int = 0) -> Iterator[int]:
        """The numbers of all objects from ``first`` on, ascending."""
        unpack = NUMBER.unpack
        with self._txn.cursor(db=self._tables[b"references"]) as cursor:
            if cursor.set_range(NUMBER.pack(first)):
                for key in cursor.iternext(values=False):
                    yield unpack(key)[0]

    def id(self, number: int) -> ObjectId:
        """The identity of the object with this number; CorruptObject when there is none."""
        return id_in(self._get(b"objects", NUMBER.pack(number)) or b"")

    def names(self, numbers: Iterable[int]) -> list[str]:
        """``<digest>-<name>`` of the objects with these numbers, in their order; CorruptObject when
        there is none."""
        return names_in(self._records(numbers))

    def named(self, numbers: Iterable[int]) -> dict[int, str]:
        """As :meth:`names`, by number, of those that objects have: some may be gone since."""
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            found = cursor.getmulti(list(map(NUMBER.pack, numbers)))
        there = [NUMBER.unpack(key)[0] for key, _ in found]
        return dict(zip(there, names_in([data for _, data in found]), strict=True))

    def listing(self, numbers: Iterable[int]) -> list[tuple[str, int]]:
        """``<digest>-<name>`` and size in bytes of the objects with these numbers, by digest."""
        found = sorted(self._records(numbers))
        return list(zip(names_in(found), map(size_in, found), strict=True))

    def _records(self, numbers: Iterable[int]) -> list[bytes]:
        keys = list(map(NUMBER.pack, numbers))
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            found = [value for _, value in cursor.getmulti(keys)]
        if len(found) != len(keys):
            raise damaged("objects", f"{len(keys) - len(found)} numbers name no object")
        return found

    def size(self, number: int) -> int:
        """Bytes of the object with this number, shared files counted in full."""
        return size_in(self._get(b"objects", NUMBER.pack(number)) or b"")

    def object(self, oid: ObjectId) -> ObjectRecord:
        """The object's record; UnknownObject otherwise."""
        return self.record(self.known(oid))

    def count(self) -> int:
        """How many objects are registered."""
        return self._entries(b"ids")

    def _entries(self, table: bytes) -> int:
        return int(self._txn.stat(db=self._tables[table])["entries"])

    def objects(self) -> Iterator[tuple[ObjectId, int]]:
        """Every object with its size in bytes, by digest."""
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            for data in sorted(cursor.iternext(keys=False)):
                yield id_in(data), size_in(data)

    def beginning(self, first: bytes, last: bytes) -> list[ObjectId]:
        """The objects whose digests are from ``first`` to ``last``, by digest."""
        found = []
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            if cursor.set_range(first):
                for digest, number in cursor:
                    if digest > last:
                        break
                    found.append(self.record(NUMBER.unpack(number)[0]).id)
        return found

    def ids(self, numbers: Iterable[int]) -> list[ObjectId]:
        """The identities of the objects with these numbers, by digest."""
        return [id_in(data) for data in sorted(self._records(numbers))]

    # -- what refers to what --

    def below(self, number: int) -> array[int]:
        """The numbers of what an object refers to; CorruptObject if they are not there."""
        data = self._get(b"references", NUMBER.pack(number))
        # None is not the same as no references: a closure with a hole would be taken for whole.
        if data is None:
            raise damaged("references", f"those of object number {number} are not there")
        return _references(data)

    def above(self, numbers: Iterable[int]) -> set[int]:
        """The numbers of what refers to any of these objects."""
        with self._txn.cursor(db=self._tables[b"referrers"]) as cursor:
            found = cursor.getmulti(
                list(map(NUMBER.pack, numbers)),
                dupdata=True,
                dupfixed_bytes=NUMBER.size,
                keyfixed=True,
            )
        pairs = array("I", bytes(found))
        if sys.byteorder == "little":
            pairs.byteswap()
        return set(pairs[1::2])

    def told_above(self, number: int, below: Iterable[int]) -> set[int]:
        """Which of the objects ``below`` have this one among their referrers."""
        key, pack = NUMBER.pack(number), NUMBER.pack
        with self._txn.cursor(db=self._tables[b"referrers"]) as cursor:
            return {other for other in below if cursor.set_key_dup(pack(other), key)}

    def every_referrer(self) -> Iterator[tuple[int, int]]:
        """Each pair of an object's number and one of what refers to it."""
        for key, value in self._prefixed(b"referrers", b""):
            yield NUMBER.unpack(key)[0], NUMBER.unpack(value)[0]

    def referrer_count(self) -> int:
        """How many such pairs there are."""
        return int(self._txn.stat(db=self._tables[b"referrers"])["entries"])

    def spread(self, numbers: Iterable[int], marks: bytearray) -> array[int]:
        """Mark these objects and all that they refer to; returns the numbers marked by this.

        ``marks`` has a byte for each number below :meth:`next_number`; what is marked is taken to
        be marked with all that it refers to. CorruptObject when the graph has a hole.
        """
        fresh = array("I")
        for number in numbers:
            if not marks[number]:
                marks[number] = 1
                fresh.append(number)
        done = 0
        with self._txn.cursor(db=self._tables[b"references"]) as cursor:
            while done < len(fresh):
                level = fresh[done:]
                found = cursor.getmulti(list(map(NUMBER.pack, level)))
                if len(found) != len(level):
                    raise damaged("references", f"those of {len(level) - len(found)} are not there")
                for number, (_, data) in zip(level, found, strict=True):
                    for other in _references(data):
                        if other >= number:
                            raise _upward(number, other)
                        if not marks[other]:
                            marks[other] = 1
                            fresh.append(other)
                done += len(level)
        return fresh

    def unmarked(self, marks: bytearray) -> array[int]:
        """Mark all that marked objects refer to, and return the numbers of the others, descending.

        One look at each object, in order, does: references have smaller numbers. CorruptObject when
        the graph has a hole, or the tables have not the same number of objects.
        """
        others, marked = array("I"), 0
        counts = {self._entries(table) for table in (b"ids", b"objects", b"references")}
        unpack = NUMBER.unpack
        with self._txn.cursor(db=self._tables[b"references"]) as cursor:
            for key, data in cursor.iterprev():
                number = unpack(key)[0]
                if not marks[number]:
                    others.append(number)
                    continue
                marked += 1
                for other in _references(data):
                    if other >= number:
                        raise _upward(number, other)
                    marks[other] = 1
        if marked != marks.count(1):
            raise damaged("references", f"{marks.count(1) - marked} objects are referred to only")
        if counts != {marked + len(others)}:
            # What a table lacks would be taken for dead, or for what a kill left.
            raise damaged("references", "there are others in number than objects")
        return others

    def references(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that one names."""
        return self.ids(self.below(self.known(oid)))

    def referrers(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that name one."""
        return self.ids(self.above([self.known(oid)]))

    def closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that they refer to, sorted; UnknownObject for one not registered."""
        return self.ids(self.reached(oids))

    def referrers_closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that refer to them, sorted."""
        return self.ids(self.reaching(oids))

    def reached(self, oids: Iterable[ObjectId]) -> array[int]:
        """The numbers of the objects and of all that they refer to; UnknownObject for one that is
        not registered."""
        return self.spread(map(self.known, oids), bytearray(self.next_number()))

    def reaching(self, oids: Iterable[ObjectId]) -> set[int]:
        """The numbers of the objects and of all that refer to them."""
        frontier = set(map(self.known, oids))
        seen = set(frontier)
        while frontier:
            frontier = self.above(sorted(frontier)) - seen
            seen |= frontier
        return seen


def _references(data: bytes) -> array[int]:
    """The numbers in a value of ``references``."""
    try:
        return array("I", data)
    except ValueError:
        raise damaged("references", "some are cut off") from None


def _upward(number: int, other: int) -> CorruptObject:
    return damaged("references", f"object number {number} refers to {other}")
