"""Typed reading of the tables in one transaction."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from store import canon
from store.canon import Value
from store.errors import StoreError, UnknownObject
from store.index.schema import (
    COARSE,
    LONGEST_KEY,
    NUMBER,
    POSITION,
    Lease,
    Node,
    ObjectRecord,
    Root,
    Tables,
    damaged,
    id_in,
    names_in,
    size_in,
)
from store.model import fields
from store.model.names import ObjectId

if TYPE_CHECKING:
    from store.model.realisation import Realisation


class Reader:
    """What the index knows."""

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

    def numbers_of(self, oids: Iterable[ObjectId]) -> list[int]:
        """The numbers of those of the objects that are registered, ascending."""
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            found = cursor.getmulti(sorted({oid.digest for oid in oids}))
        return sorted(NUMBER.unpack(number)[0] for _, number in found)

    def known(self, oid: ObjectId) -> int:
        """The object's number; UnknownObject otherwise."""
        number = self.number(oid)
        if number is None:
            raise UnknownObject(f"this store's index holds no object {oid}")
        return number

    def next_number(self) -> int:
        """All numbers given so far are below this one."""
        return int(self._get(b"meta", b"next") or b"1")

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
        keys = list(map(NUMBER.pack, numbers))
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            found = [value for _, value in cursor.getmulti(keys)]
        if len(found) != len(keys):
            raise damaged("objects", f"{len(keys) - len(found)} numbers name no object")
        return names_in(found)

    def size(self, number: int) -> int:
        """Bytes of the object with this number, shared files counted in full."""
        return size_in(self._get(b"objects", NUMBER.pack(number)) or b"")

    def object(self, oid: ObjectId) -> ObjectRecord:
        """The object's record; UnknownObject otherwise."""
        return self.record(self.known(oid))

    def count(self) -> int:
        """How many objects are registered."""
        return int(self._txn.stat(db=self._tables[b"ids"])["entries"])

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
        keys = list(map(NUMBER.pack, numbers))
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            found = sorted(value for _, value in cursor.getmulti(keys))
        if len(found) != len(keys):
            raise damaged("objects", f"{len(keys) - len(found)} numbers name no object")
        return [id_in(data) for data in found]

    # -- what refers to what --

    def below(self, number: int) -> array[int]:
        """The numbers of what an object refers to; CorruptObject if they are not there."""
        data = self._get(b"references", NUMBER.pack(number))
        # None is not the same as no references: a closure with a hole would be taken for whole.
        if data is None or len(data) % NUMBER.size:
            raise damaged("references", f"those of object number {number} are not there")
        return array("I", data)

    def above(self, numbers: Iterable[int]) -> set[int]:
        """The numbers of what refers to any of these objects."""
        with self._txn.cursor(db=self._tables[b"referrers"]) as cursor:
            found = cursor.getmulti(
                list(map(NUMBER.pack, numbers)), dupdata=True, dupfixed_bytes=NUMBER.size
            )
        unpack = NUMBER.unpack
        return {unpack(value)[0] for _, value in found}

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
        below = self.below
        for number in fresh:  # which grows meanwhile
            for other in below(number):
                if other >= number:
                    raise damaged("references", f"object number {number} refers to {other}")
                if not marks[other]:
                    marks[other] = 1
                    fresh.append(other)
        return fresh

    def unmarked(self, marks: bytearray) -> array[int]:
        """Mark all that marked objects refer to, and return the numbers of the others, descending.

        One look at each object, in order, does: references have smaller numbers. CorruptObject when
        the graph has a hole.
        """
        others, marked = array("I"), 0
        unpack = NUMBER.unpack
        with self._txn.cursor(db=self._tables[b"references"]) as cursor:
            for key, data in cursor.iterprev():
                number = unpack(key)[0]
                if not marks[number]:
                    others.append(number)
                    continue
                marked += 1
                for other in array("I", data):
                    if other >= number:
                        raise damaged("references", f"object number {number} refers to {other}")
                    marks[other] = 1
        if marked != marks.count(1):
            raise damaged("references", f"{marks.count(1) - marked} objects are referred to only")
        return others

    def references(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that one names."""
        return self.ids(self.below(self.known(oid)))

    def referrers(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that name one."""
        return self.ids(self.above([self.known(oid)]))

    def closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that they refer to, sorted; UnknownObject for one not registered."""
        return self.ids(self.spread(map(self.known, oids), bytearray(self.next_number())))

    def referrers_closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that refer to them, sorted."""
        frontier = set(map(self.known, oids))
        seen = set(frontier)
        while frontier:
            frontier = self.above(sorted(frontier)) - seen
            seen |= frontier
        return self.ids(seen)

    # -- nodes and realisations --

    def node(self, digest: bytes) -> Node | None:
        """The node recorded under its digest."""
        from store.index.nodes import KINDS

        data = self._get(b"nodes", digest)
        if data is None:
            return None
        if data[:1] not in KINDS:
            raise damaged("nodes", f"{digest.hex()} is of no known kind")
        return KINDS[data[:1]].decode(data[1:])

    def outcome(self, node: bytes) -> bytes | None:
        """The key that the node was last resolved to."""
        return self._get(b"outcomes", node)

    def realisations(self, key: bytes, output: str) -> list[Realisation]:
        """All records for a key's output."""
        prefix = key + output.encode() + b"\0"
        return [_realisation(data) for _, data in self._prefixed(b"realisations", prefix)]

    def realisation_count(self) -> int:
        """How many records there are."""
        return int(self._txn.stat(db=self._tables[b"realisations"])["entries"])

    def every_realisation(self) -> Iterator[Realisation]:
        """Every record, by key."""
        for _, data in self._prefixed(b"realisations", b""):
            yield _realisation(data)

    def makers(self, oid: ObjectId) -> list[Realisation]:
        """All records that say that this object was made, whether or not it is there."""
        found = []
        with self._txn.cursor(db=self._tables[b"makers"]) as cursor:
            if cursor.set_key(oid.digest):
                for key in cursor.iternext_dup():
                    data = self._get(b"realisations", key)
                    if data is not None:
                        found.append(_realisation(data))
        return found

    # -- what is held --

    def roots(self) -> dict[str, Root]:
        """Every root by its name."""
        found = self._prefixed(b"roots", b"")
        return {os.fsdecode(name): Root.unpack(data) for name, data in found}

    def lease_count(self) -> int:
        """How many leases there are, those of dead processes too."""
        return int(self._txn.stat(db=self._tables[b"leases"])["entries"])

    def leases(self) -> dict[bytes, Lease]:
        """Every lease by its token, those of dead processes too."""
        found = {}
        for token, data in self._prefixed(b"leases", b""):
            found[token] = Lease.unpack(data, tuple(self._held(token)))
        return found

    def _held(self, token: bytes) -> Iterator[ObjectId]:
        for key, name in self._prefixed(b"held", token):
            try:
                yield ObjectId(key[len(token) :], name.decode())
            except (StoreError, UnicodeDecodeError) as error:
                raise damaged("held", str(error)) from error

    def journal(self, position: int) -> tuple[list[bytes], int]:
        """Digests of what became held since ``position``, and the position to go on from."""
        digests = []
        with self._txn.cursor(db=self._tables[b"journal"]) as cursor:
            if cursor.set_range(POSITION.pack(position)):
                for key, digest in cursor:
                    digests.append(digest)
                    position = POSITION.unpack(key)[0] + 1
        return digests, position

    # -- the rest --

    def last_used(self, number: int) -> int:
        """Unix seconds at which the object was last used, as far as noted, or registered."""
        noted = self._get(b"used", NUMBER.pack(number))
        return self.record(number).registered if noted is None else int(NUMBER.unpack(noted)[0])

    def use_is_due(self, number: int, now: int) -> bool:
        """Whether a use at ``now`` would be written down."""
        return abs(now - self.last_used(number)) >= COARSE

    def last_verified(self, number: int) -> int:
        """Unix seconds at which the object's contents were last found sound; 0 for never."""
        noted = self._get(b"verified", NUMBER.pack(number))
        return 0 if noted is None else int(NUMBER.unpack(noted)[0])

    def least_recently_verified(self) -> list[ObjectId]:
        """Every object, those never verified first, then by the time of verification."""
        with self._txn.cursor(db=self._tables[b"verified"]) as cursor:
            noted = dict(cursor)
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            order = sorted((noted.get(number, b""), number, data) for number, data in cursor)
        return [id_in(data) for _, _, data in order]

    def verified_source(self, sha256: str, locator: str) -> bool:
        """Whether the locator was seen to yield the hash."""
        return self._get(b"sources", source_key(sha256, locator)) is not None

    def history(self, name: str) -> list[int]:
        """Milliseconds that builds of this name took, the newest last."""
        data = self._get(b"history", name.encode())
        return [] if data is None else [fields.integer(item) for item in canon.decode(data)]

    # -- what nothing else on disk tells --

    def everything(self, *, times: bool = False) -> Iterator[list[Value]]:
        """All that :mod:`store.index.records` keeps, ``times`` of last use and verification too."""
        for _, data in self._prefixed(b"nodes", b""):
            yield ["node", data]
        for _, data in self._prefixed(b"realisations", b""):
            yield ["realisation", data]
        for key, data in self._prefixed(b"sources", b""):
            yield ["source", key[:32], key[32:], *canon.decode(data)]
        for key, data in self._prefixed(b"history", b""):
            yield ["history", key.decode(), canon.decode(data)]
        for key, data in self._prefixed(b"roots", b""):
            yield ["root", key, data]
        if times:
            yield from self._times()

    def _times(self) -> Iterator[list[Value]]:
        noted = {}
        for table in (b"used", b"verified"):
            with self._txn.cursor(db=self._tables[table]) as cursor:
                noted[table] = dict(cursor)
        for number in sorted(noted[b"used"].keys() | noted[b"verified"].keys()):
            used, verified = (
                NUMBER.unpack(noted[table].get(number, bytes(4)))[0]
                for table in (b"used", b"verified")
            )
            yield ["times", self.record(NUMBER.unpack(number)[0]).id.digest, used, verified]


def _realisation(data: bytes) -> Realisation:
    from store.model.realisation import Realisation

    return Realisation.decode(data)


def source_key(sha256: str, locator: str) -> bytes:
    """The key of ``sources``."""
    # A locator that is cut short only asks for another fetch.
    return (bytes.fromhex(sha256) + os.fsencode(locator))[:LONGEST_KEY]
