"""The tables, and typed access to them.

Objects have dense numbers, so that closures are walked over integers.

| table | key | value |
| --- | --- | --- |
| meta | name | text |
| ids | object digest (20) | number (4, big-endian) |
| objects | number | ``[digest, name, size, refers to itself, registered]`` |
| references | number | numbers, 4 bytes little-endian each |
| referrers | number | number, one entry each |
| nodes | node digest or key (32) | kind, then the node's record |
| realisations | key (32), output, NUL, record digest (8) | the record |
| makers | number | a key of ``realisations``, one entry each |
| outcomes | node digest (32) | key (32) |
| roots | name | ``[digest, name, path, time]`` |
| leases | token (16) | ``[pid, start, [[digest, name], …]]`` |
| sources | SHA-256 (32), locator | ``[time]`` |
| history | derivation's name | ``[ms, …]``, newest last |
"""

from __future__ import annotations

import os
import struct
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from store import canon
from store.canon import Value
from store.errors import (
    CorruptObject,
    FormatError,
    InvalidName,
    StorageError,
    UnknownObject,
)
from store.model import fields
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation

Tables: TypeAlias = Mapping[bytes, Any]
Node: TypeAlias = Source | Derivation | Resolved

_PAIRS = {"dupsort": True, "dupfixed": True}
TABLES: Mapping[bytes, Mapping[str, bool]] = {
    b"meta": {},
    b"ids": {},
    b"objects": {},
    b"references": {},
    b"referrers": _PAIRS,
    b"nodes": {},
    b"realisations": {},
    b"makers": {"dupsort": True},
    b"outcomes": {},
    b"roots": {},
    b"leases": {},
    b"sources": {},
    b"history": {},
}

_NUMBER = struct.Struct(">I")
_KINDS: Mapping[bytes, type[Node]] = {b"s": Source, b"d": Derivation, b"r": Resolved}
_HISTORY = 15
_LONGEST_KEY = 511


@dataclass(frozen=True)
class ObjectRecord:
    """What the index knows of an object. ``registered`` in Unix seconds, ``size`` in bytes."""

    id: ObjectId
    size: int
    refers_to_itself: bool
    registered: int


class Reader:
    """Typed reading in one transaction."""

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

    def _number(self, oid: ObjectId) -> bytes | None:
        return self._get(b"ids", oid.digest)

    def _known(self, oid: ObjectId) -> bytes:
        number = self._number(oid)
        if number is None:
            raise UnknownObject(f"this store's index holds no object {oid}")
        return number

    def has(self, oid: ObjectId) -> bool:
        """Whether the object is registered."""
        return self._number(oid) is not None

    def _record(self, number: bytes) -> ObjectRecord:
        data = self._get(b"objects", number)
        if data is None:
            raise _damaged("objects", f"no object has the number {number.hex()}")
        try:
            digest, name, size, itself, registered = fields.array(canon.decode(data), 5)
            return ObjectRecord(
                ObjectId(fields.raw(digest, 20), fields.text(name)),
                fields.integer(size),
                fields.boolean(itself),
                fields.integer(registered),
            )
        except (FormatError, InvalidName) as error:
            raise _damaged("objects", error.message) from error

    def object(self, oid: ObjectId) -> ObjectRecord:
        """The object's record; UnknownObject otherwise."""
        return self._record(self._known(oid))

    def objects(self) -> Iterator[tuple[ObjectId, int]]:
        """Every object with its size in bytes, by digest."""
        with self._txn.cursor(db=self._tables[b"ids"]) as cursor:
            for _, number in cursor:
                record = self._record(number)
                yield record.id, record.size

    def _references(self, number: int) -> array[int]:
        data = self._get(b"references", _NUMBER.pack(number))
        # None is not the same as no references: a closure with a hole would be taken for whole.
        if data is None or len(data) % _NUMBER.size:
            raise _damaged("references", f"those of object number {number} are not there")
        found = array("I")
        found.frombytes(data)
        return found

    def _referrers(self, number: int) -> Iterator[int]:
        with self._txn.cursor(db=self._tables[b"referrers"]) as cursor:
            if cursor.set_key(_NUMBER.pack(number)):
                for value in cursor.iternext_dup():
                    yield _NUMBER.unpack(value)[0]

    def _ids(self, numbers: Iterable[int]) -> list[ObjectId]:
        return [self._record(_NUMBER.pack(number)).id for number in numbers]

    def references(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that one names."""
        return sorted(self._ids(self._references(_NUMBER.unpack(self._known(oid))[0])))

    def referrers(self, oid: ObjectId) -> list[ObjectId]:
        """The other objects that name one."""
        return sorted(self._ids(self._referrers(_NUMBER.unpack(self._known(oid))[0])))

    def _reach(self, oids: Iterable[ObjectId], step: Any) -> list[ObjectId]:
        stack = [_NUMBER.unpack(self._known(oid))[0] for oid in oids]
        seen = set(stack)
        while stack:
            for number in step(stack.pop()):
                if number not in seen:
                    seen.add(number)
                    stack.append(number)
        return sorted(self._ids(seen))

    def closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that they refer to, sorted; UnknownObject for one not registered."""
        return self._reach(oids, self._references)

    def referrers_closure(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects and all that refer to them, sorted."""
        return self._reach(oids, self._referrers)

    # -- nodes and realisations --

    def node(self, digest: bytes) -> Node | None:
        """The node recorded under its digest."""
        data = self._get(b"nodes", digest)
        if data is None:
            return None
        if data[:1] not in _KINDS:
            raise _damaged("nodes", f"{digest.hex()} is of no known kind")
        return _KINDS[data[:1]].decode(data[1:])

    def outcome(self, node: bytes) -> bytes | None:
        """The key that the node was last resolved to."""
        return self._get(b"outcomes", node)

    def realisations(self, key: bytes, output: str) -> list[Realisation]:
        """All records for a key's output."""
        prefix = key + output.encode() + b"\0"
        return [Realisation.decode(data) for _, data in self._prefixed(b"realisations", prefix)]

    def every_realisation(self) -> Iterator[Realisation]:
        """All records, by key and output."""
        for _, data in self._prefixed(b"realisations", b""):
            yield Realisation.decode(data)

    def makers(self, oid: ObjectId) -> list[Realisation]:
        """All records that say that this object was made."""
        number = self._number(oid)
        found = []
        with self._txn.cursor(db=self._tables[b"makers"]) as cursor:
            if number is not None and cursor.set_key(number):
                for key in cursor.iternext_dup():
                    data = self._get(b"realisations", key)
                    if data is not None:
                        found.append(Realisation.decode(data))
        return found

    # -- the rest --

    def roots(self) -> dict[str, tuple[ObjectId, str]]:
        """Each root's object and link (or empty) by name."""
        found = {}
        for name, data in self._prefixed(b"roots", b""):
            digest, object_name, path, _ = fields.array(canon.decode(data), 4)
            oid = ObjectId(fields.raw(digest, 20), fields.text(object_name))
            found[os.fsdecode(name)] = (oid, os.fsdecode(fields.raw(path)))
        return found

    def leases(self) -> dict[bytes, tuple[int, int, tuple[ObjectId, ...]]]:
        """Each lease's process id, that process's start time and objects, by token."""
        found = {}
        for token, data in self._prefixed(b"leases", b""):
            pid, start, held = fields.array(canon.decode(data), 3)
            found[token] = (
                fields.integer(pid),
                fields.integer(start),
                fields.several(held, fields.object_id),
            )
        return found

    def verified_source(self, sha256: str, locator: str) -> bool:
        """Whether the locator was seen to yield the hash."""
        return self._get(b"sources", _source_key(sha256, locator)) is not None

    def history(self, name: str) -> list[int]:
        """Milliseconds that builds of this name took, the newest last."""
        data = self._get(b"history", name.encode())
        return [] if data is None else [fields.integer(item) for item in canon.decode(data)]


class Writer(Reader):
    """Typed writing in one transaction."""

    def _put(self, table: bytes, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._tables[table])

    def register(
        self, oid: ObjectId, references: Sequence[ObjectId], refers_to_itself: bool, size: int
    ) -> None:
        """Make an object known; all that it refers to must be (StorageError). Twice is once."""
        if self.has(oid):
            return
        with self._txn.cursor(db=self._tables[b"objects"]) as cursor:
            last = _NUMBER.unpack(cursor.key())[0] if cursor.last() else 0
        number = _NUMBER.pack(last + 1)
        below = array("I")
        for reference in references:
            other = self._number(reference)
            if other is None:
                raise StorageError(f"{oid} refers to {reference}, which is not in the store")
            below.append(_NUMBER.unpack(other)[0])
            self._put(b"referrers", other, number)
        record: list[Value] = [oid.digest, oid.name, size, refers_to_itself, int(time.time())]
        self._put(b"ids", oid.digest, number)
        self._put(b"objects", number, canon.encode(record))
        self._put(b"references", number, below.tobytes())

    def put_nodes(self, nodes: Iterable[Node]) -> None:
        """Record what nodes are."""
        for node in nodes:
            tag = next(tag for tag, kind in _KINDS.items() if type(node) is kind)
            self._put(b"nodes", node.digest, tag + node.encode())

    def put_outcomes(self, outcomes: Mapping[bytes, bytes]) -> None:
        """Remember keys of nodes."""
        for node, key in outcomes.items():
            self._put(b"outcomes", node, key)

    def add_realisation(self, record: Realisation) -> None:
        """Add a record; none is ever replaced."""
        key = record.key + record.output.encode() + b"\0" + record.digest()[:8]
        self._put(b"realisations", key, record.encode())
        self._put(b"makers", self._known(record.object), key)

    def put_root(self, name: str, oid: ObjectId, path: str = "") -> None:
        """Keep an object alive under a name; ``path`` is the link that stands for it."""
        self._known(oid)
        key = os.fsencode(name)
        if not 0 < len(key) <= _LONGEST_KEY:
            raise InvalidName(f"the name of a root has 1 to {_LONGEST_KEY} bytes: {name}")
        record: list[Value] = [oid.digest, oid.name, os.fsencode(path), int(time.time())]
        self._put(b"roots", key, canon.encode(record))

    def put_lease(self, token: bytes | None, held: Sequence[ObjectId]) -> bytes:
        """Lease objects to this process; returns the token to change or end the lease with."""
        token = token or os.urandom(16)
        record: list[Value] = [
            os.getpid(),
            process_start(os.getpid()),
            [[x.digest, x.name] for x in held],
        ]
        self._put(b"leases", token, canon.encode(record))
        return token

    def end_lease(self, token: bytes) -> None:
        """End a lease."""
        self._txn.delete(token, db=self._tables[b"leases"])

    def add_verified_source(self, sha256: str, locator: str, when: int) -> None:
        """Record that the locator yielded the hash at ``when`` (Unix seconds)."""
        self._put(b"sources", _source_key(sha256, locator), canon.encode([when]))

    def add_history(self, name: str, milliseconds: int) -> None:
        """Record how long a build took."""
        recent = [*self.history(name), milliseconds][-_HISTORY:]
        self._put(b"history", name.encode(), canon.encode(recent))


def _damaged(table: str, what: str) -> CorruptObject:
    return CorruptObject(
        f"the index is damaged in its table {table!r}: {what}",
        hint="make it anew from the store directory",
    )


def _source_key(sha256: str, locator: str) -> bytes:
    # A locator that is cut short only asks for another fetch.
    return (bytes.fromhex(sha256) + os.fsencode(locator))[:_LONGEST_KEY]


def process_start(pid: int) -> int:
    """Clock ticks from boot to the process's start; with the id it names one process. 0 if gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
