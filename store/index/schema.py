"""The tables, and how their values are packed.

Objects have dense numbers, so that closures are walked over integers. A number is never given
again, and an object's references have smaller numbers than it has.

| table | key | value |
| --- | --- | --- |
| meta | name | bytes: ``schema``; ``next``, the number to come; ``collector``, while one runs;
``store``, 16 bytes of chance that tell this store from others |
| | ``folder/``, root's name | the inode (8, big-endian) of the folder that a link was made in |
| | ``unseen/``, root's name | Unix seconds (8, big-endian) since when a link is out of sight |
| ids | object digest (20) | number (4, big-endian) |
| objects | number | digest (20), size (8), registered (8), flags (1), name |
| references | number | numbers, 4 bytes little-endian each |
| referrers | number | number, one entry each |
| used | number | Unix seconds (4) |
| verified | number | Unix seconds (4) |
| nodes | node digest or key (32) | kind, then the node's record |
| realisations | key (32), output, NUL, record digest (8) | the record, with its origin |
| makers | object digest (20) | a key of ``realisations``, one entry each |
| outcomes | node digest (32) | key (32) |
| roots | name | ``[digest, name, path, time]`` |
| leases | token (16) | ``[pid, start, boot, pid namespace]`` |
| held | token (16), object digest (20) | name |
| journal | position (8, big-endian) | digest of an object that became held while a collector runs |
| sources | SHA-256 (32), locator | ``[time]`` |
| history | derivation's name | ``[ms, …]``, newest last |

``makers``, ``realisations``, ``nodes`` and ``history`` outlive the objects that they speak of.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from store import canon
from store.canon import Value
from store.display import quoted
from store.errors import CorruptObject, FormatError, InvalidName, StoreError
from store.model import fields
from store.model.names import ObjectId, check_names, object_ids, texts

if TYPE_CHECKING:
    from store.model.derivation import Derivation, Resolved, Source

Tables: TypeAlias = Mapping[bytes, Any]
Node: TypeAlias = "Source | Derivation | Resolved"

SCHEMA = 4
"""The version of the tables' layout that this program writes."""

IDENTITY_SIZE = 16
"""Bytes that tell a store from others."""

_PAIRS = {"dupsort": True, "dupfixed": True}
TABLES: Mapping[bytes, Mapping[str, bool]] = {
    b"meta": {},
    b"ids": {},
    b"objects": {},
    b"references": {},
    b"referrers": _PAIRS,
    b"used": {},
    b"verified": {},
    b"nodes": {},
    b"realisations": {},
    b"makers": {"dupsort": True},
    b"outcomes": {},
    b"roots": {},
    b"leases": {},
    b"held": {},
    b"journal": {},
    b"sources": {},
    b"history": {},
}

NUMBER = struct.Struct(">I")
POSITION = struct.Struct(">Q")
_OBJECT = struct.Struct(">20sQQB")
FOLDER, UNSEEN = b"folder/", b"unseen/"
"""How keys of ``meta`` begin that speak of a link's root."""

LONGEST_KEY = 511
LAST_NUMBER = 2**32 - 1

COARSE = 3600
"""Seconds to which the last use of an object is kept: one that was noted less long ago stays, so
that an object in constant use is hardly ever written down."""


class ObjectEntry(NamedTuple):
    """An object to be registered; ``size`` in bytes, ``references`` the others that it names,
    ``registered`` in Unix seconds when it was before, 0 for now."""

    id: ObjectId
    references: Sequence[ObjectId]
    refers_to_itself: bool
    size: int
    registered: int = 0


class ObjectRecord(NamedTuple):
    """The index's record of an object. ``registered`` in Unix seconds, ``size`` in bytes."""

    id: ObjectId
    size: int
    refers_to_itself: bool
    registered: int

    def pack(self) -> bytes:
        """Return it as it stands in ``objects``."""
        return pack_object(*self)

    @classmethod
    def unpack(cls, data: bytes) -> ObjectRecord:
        """Return the inverse of :meth:`pack`; CorruptObject for anything else."""
        try:
            digest, size, registered, itself = _OBJECT.unpack_from(data)
            return cls(ObjectId(digest, name_in(data)), size, itself != 0, registered)
        except (struct.error, UnicodeDecodeError, FormatError, InvalidName) as error:
            raise damaged("objects", str(error)) from error


def pack_object(oid: ObjectId, size: int, refers_to_itself: bool, registered: int) -> bytes:
    """Return what :meth:`ObjectRecord.pack` does."""
    digest, name = oid
    return _OBJECT.pack(digest, size, registered, refers_to_itself) + name.encode()


def name_in(data: bytes) -> str:
    """Return the object's name in a value of ``objects``."""
    return data[_OBJECT.size :].decode("ascii")


def id_in(data: bytes) -> ObjectId:
    """Return the object's identity in a value of ``objects``; CorruptObject when there is none."""
    try:
        return ObjectId(data[:20], name_in(data))
    except (UnicodeDecodeError, FormatError, InvalidName) as error:
        raise damaged("objects", str(error)) from error


def ids_in(records: Sequence[bytes]) -> list[ObjectId]:
    """Return :func:`id_in` of each value of ``objects``, for thousands."""
    try:
        return object_ids([(data[:20], name_in(data)) for data in records])
    except (UnicodeDecodeError, FormatError, InvalidName) as error:
        raise damaged("objects", str(error)) from error


def records_in(records: Sequence[bytes]) -> list[ObjectRecord]:
    """Return :meth:`ObjectRecord.unpack` of each value of ``objects``, for thousands."""
    try:
        heads = list(map(_OBJECT.unpack_from, records))
    except struct.error as error:
        raise damaged("objects", str(error)) from error
    return [
        ObjectRecord(oid, size, itself != 0, registered)
        for oid, (_, size, registered, itself) in zip(ids_in(records), heads, strict=True)
    ]


def names_in(records: Sequence[bytes]) -> list[str]:
    """Return ``<digest>-<name>`` in each value of ``objects``; CorruptObject when there is none."""
    try:
        names = [data[_OBJECT.size :].decode("ascii") for data in records]
        check_names(names)
        return texts([data[:20] for data in records], names)
    except (UnicodeDecodeError, FormatError, InvalidName) as error:
        raise damaged("objects", str(error)) from error


def size_in(data: bytes) -> int:
    """Return the object's size in bytes in a value of ``objects``."""
    return int.from_bytes(data[20:28], "big")


class Root(NamedTuple):
    """A name that keeps an object alive. ``path`` is the link that stands for it, or empty;
    ``since`` in Unix seconds."""

    id: ObjectId
    path: bytes = b""
    since: int = 0

    def pack(self) -> bytes:
        """Return it as it stands in ``roots``."""
        record: list[Value] = [self.id.digest, self.id.name, self.path, self.since]
        return canon.encode(record)

    @classmethod
    def unpack(cls, data: bytes) -> Root:
        """Return the inverse of :meth:`pack`; CorruptObject for anything else."""
        try:
            digest, name, path, since = fields.array(canon.decode(data), 4)
            oid = ObjectId(fields.raw(digest, 20), fields.text(name))
            return cls(oid, fields.raw(path), fields.integer(since))
        except StoreError as error:
            raise damaged("roots", error.message) from error


class RootColumns(NamedTuple):
    """Every root, a column for each field of :class:`Root`: fast for many thousands."""

    digests: Sequence[bytes] = ()
    objects: Sequence[str] = ()
    paths: Sequence[bytes] = ()
    since: Sequence[int] = ()

    @classmethod
    def unpack(cls, records: Sequence[bytes]) -> RootColumns:
        """Return the value of an entry in ``roots``; CorruptObject for one that :meth:`Root.pack`
        does not write."""
        if not records:
            return cls()
        try:
            values = canon.decode_all(records)
            if set(map(len, values)) == {4}:
                columns = digests, objects, paths, since = tuple(zip(*values, strict=True))
                kinds = [set(map(type, column)) for column in columns]
                if kinds == _ROOT and set(map(len, digests)) == {20} and min(since) >= 0:
                    check_names(objects)
                    return cls(digests, objects, paths, since)
        except (FormatError, InvalidName):
            pass  # Root.unpack tells which, and what of it
        roots = [Root.unpack(data) for data in records]
        return cls(
            [root.id.digest for root in roots],
            [root.id.name for root in roots],
            [root.path for root in roots],
            [root.since for root in roots],
        )


_ROOT = [{bytes}, {str}, {bytes}, {int}]


class LeaseRecord(NamedTuple):
    """Objects that a process uses. With its start (clock ticks from boot), the boot's id and the
    pid namespace, ``pid`` names one process for good."""

    pid: int
    start: int
    boot: str
    space: int
    held: tuple[ObjectId, ...] = ()

    def pack(self) -> bytes:
        """Return it as it stands in ``leases``: without the held objects."""
        return canon.encode([self.pid, self.start, self.boot, self.space])

    @classmethod
    def unpack(cls, data: bytes, held: tuple[ObjectId, ...]) -> LeaseRecord:
        """Return the inverse of :meth:`pack`; CorruptObject for anything else."""
        try:
            pid, start, boot, space = fields.array(canon.decode(data), 4)
            integers = fields.integer(pid), fields.integer(start)
            return cls(*integers, fields.text(boot), fields.integer(space), held)
        except StoreError as error:
            raise damaged("leases", error.message) from error


def damaged(table: str, what: str) -> CorruptObject:
    """Return the error for a value that this program would not have written."""
    return CorruptObject(
        f"the index is damaged in its table {quoted(table)}: {what}",
        hint="`store index rebuild` makes it anew from the store directory",
    )
