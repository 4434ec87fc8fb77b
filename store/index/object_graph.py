"""Reading of references between objects, in one transaction."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from store.errors import CorruptObject
from store.index.object_tables import NumberReader, ObjectReader
from store.index.schema import NUMBER, damaged
from store.index.tables import TableReader
from store.model.names import ObjectId, names_of

ObjectFacts: TypeAlias = tuple[tuple[ObjectId, ...], bool, int]
"""References, whether it refers to itself, and size."""


class GraphReader:
    """References of objects. Where there are thousands, they are their numbers."""

    def __init__(self, tables: TableReader, objects: ObjectReader, numbers: NumberReader) -> None:
        self._tables = tables
        self._objects = objects
        self._numbers = numbers

    def below(self, number: int) -> array[int]:
        """Return the numbers of what an object refers to; CorruptObject if they are not there."""
        data = self._tables.get(b"references", NUMBER.pack(number))
        # None is not the same as no references: a closure with a hole would be taken for whole.
        if data is None:
            raise damaged("references", f"those of object number {number} are not there")
        return _references(data)

    def below_each(self, numbers: Sequence[int]) -> list[array[int]]:
        """Act as :meth:`below` of each, for thousands; they have different numbers."""
        with self._tables.cursor(b"references") as cursor:
            found = cursor.getmulti(list(map(NUMBER.pack, numbers)))
        if len(found) != len(numbers):
            raise damaged(
                "references", f"those of {len(numbers) - len(found)} objects are not there"
            )
        return [_references(data) for _, data in found]

    def above(self, numbers: Iterable[int]) -> set[int]:
        """Return the numbers of the objects that refer to any of these objects."""
        with self._tables.cursor(b"referrers") as cursor:
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

    def are_told(self, numbers: Iterable[int], below: Iterable[int]) -> bool:
        """Return whether each of the objects ``below`` has the one with the same place in
        ``numbers`` among its referrers."""
        pack = NUMBER.pack
        with self._tables.cursor(b"referrers") as cursor:
            return all(map(cursor.set_key_dup, map(pack, below), map(pack, numbers)))

    def every_referrer(self) -> Iterator[tuple[int, int]]:
        """Yield each pair of an object's number and one of a referrer."""
        for key, value in self._tables.prefixed(b"referrers", b""):
            yield NUMBER.unpack(key)[0], NUMBER.unpack(value)[0]

    def referrer_count(self) -> int:
        """Return how many such pairs there are."""
        return self._tables.entries(b"referrers")

    def spread(self, numbers: Iterable[int], marks: bytearray) -> array[int]:
        """Mark these objects and all that they refer to; returns the numbers marked by this.

        ``marks`` has a byte for each number below :meth:`NumberReader.next_number`; a marked object
        is taken to be marked with all that it refers to. CorruptObject when the graph has a hole.
        """
        fresh = array("I")
        for number in numbers:
            if not marks[number]:
                marks[number] = 1
                fresh.append(number)
        done = 0
        with self._tables.cursor(b"references") as cursor:
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
        counts = {self._tables.entries(table) for table in (b"ids", b"objects", b"references")}
        unpack = NUMBER.unpack
        with self._tables.cursor(b"references") as cursor:
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
            # An entry that a table lacks would be taken for dead, or for a leftover of a kill.
            raise damaged("references", "there are others in number than objects")
        return others

    def facts(self, numbers: Iterable[int]) -> list[tuple[str, ObjectFacts]]:
        """Return the ``<digest>-<name>`` and the facts of each object that has one of these
        numbers: fast for thousands of them.

        CorruptObject, FormatError, InvalidName, struct.error or KeyError for an entry that could
        not have been written.
        """
        records = self._numbers.records(numbers)
        below = self.below_each(list(records))
        others = list(set(chain.from_iterable(below)))
        ids = dict(zip(others, self._numbers.identities(others), strict=True))
        names = names_of([record.id for record in records.values()])
        references = [tuple(sorted(map(ids.__getitem__, each))) for each in below]
        return [
            (name, (each, record.refers_to_itself, record.size))
            for name, each, record in zip(names, references, records.values(), strict=True)
        ]

    def references(self, oid: ObjectId) -> list[ObjectId]:
        """Return the other objects that one names."""
        return self._numbers.ids(self.below(self._objects.known(oid)))

    def referrers(self, oid: ObjectId) -> list[ObjectId]:
        """Return the other objects that name one."""
        return self._numbers.ids(self.above([self._objects.known(oid)]))

    def closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """Return the objects and all that they refer to, sorted; UnknownObject for one not
        registered."""
        return self._numbers.ids(self.reached(oids))

    def referrers_closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """Return the objects and all that refer to them, sorted."""
        return self._numbers.ids(self.reaching(oids))

    def reached(self, oids: Iterable[ObjectId]) -> array[int]:
        """Return the numbers of the objects and of all that they refer to; UnknownObject for one
        that is not registered."""
        return self.spread(map(self._objects.known, oids), bytearray(self._numbers.next_number()))

    def reaching(self, oids: Iterable[ObjectId]) -> set[int]:
        """Return the numbers of the objects and of all that refer to them."""
        frontier = set(map(self._objects.known, oids))
        seen = set(frontier)
        while frontier:
            frontier = self.above(sorted(frontier)) - seen
            seen |= frontier
        return seen


def _references(data: bytes) -> array[int]:
    """Return the numbers in a value of ``references``."""
    try:
        return array("I", data)
    except ValueError:
        raise damaged("references", "some are cut off") from None


def _upward(number: int, other: int) -> CorruptObject:
    return damaged("references", f"object number {number} refers to {other}")
