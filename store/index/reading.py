"""Typed reading of the tables in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from store import canon
from store.canon import Value
from store.errors import StoreError, quoted
from store.index import holder
from store.index.object_tables import Objects
from store.index.schema import (
    COARSE,
    FOLDER,
    IDENTITY_SIZE,
    LONGEST_KEY,
    NUMBER,
    POSITION,
    UNSEEN,
    LeaseRecord,
    Node,
    Root,
    damaged,
    id_in,
)
from store.model import fields
from store.model.names import ObjectId

if TYPE_CHECKING:
    from store.model.realisation import Realisation


_SHAPES = (
    (b"ids", 20, NUMBER.size),
    (b"objects", NUMBER.size, 0),
    (b"used", NUMBER.size, NUMBER.size),
    (b"verified", NUMBER.size, NUMBER.size),
    (b"outcomes", 32, 32),
)
"""Tables with the bytes of each key and value, 0 for any."""


class Reader(Objects):
    """All that the index knows."""

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

    def made_of(self, key: bytes) -> list[ObjectId]:
        """The objects of all records for a key, whatever the output."""
        return [_realisation(data).object for _, data in self._prefixed(b"realisations", key)]

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

    def misnamed(self) -> Iterator[tuple[Realisation, str]]:
        """Every record whose object is not called as its derivation's output has to be, or that
        speaks of an output that its derivation does not have; with the reason."""
        for record in self.every_realisation():
            reason = self.why_unfit(record)
            if reason:
                yield record, reason

    def why_unfit(self, record: Realisation) -> str:
        """Why a record cannot be one of what its key is recorded to be; empty when it can."""
        from store.model.derivation import Source

        node = self.node(record.key)
        if node is None:
            return ""
        if record.output not in node.outputs:
            return f"{node.name} has no output {quoted(record.output)}"
        if not record.is_of(node.name):
            return f"{record.object} cannot be output {quoted(record.output)} of {node.name}"
        if isinstance(node, Source) and not record.may_be_fetched():
            return f"{record.object} is {node.name} by another's word, not by its hash"
        return ""

    # -- what is held --

    def roots(self) -> dict[str, Root]:
        """Every root by its name."""
        found = self._prefixed(b"roots", b"")
        return {os.fsdecode(name): Root.unpack(data) for name, data in found}

    def root_values(self) -> list[tuple[bytes, bytes]]:
        """Every root's name and its value, by name: for who has many, see :class:`schema.Roots`.
        CorruptObject when they are not as many as there should be."""
        with self._txn.cursor(db=self._tables[b"roots"]) as cursor:
            found = list(cursor)
        if len(found) != self._entries(b"roots"):
            raise damaged("roots", f"{len(found)} are there, of {self._entries(b'roots')}")
        return found

    def sight(self) -> tuple[dict[bytes, int], dict[bytes, int]]:
        """By the names of roots: the marks of the folders that their links are in, and since when
        (Unix seconds) links are out of sight."""
        folders: dict[bytes, int] = {}
        unseen: dict[bytes, int] = {}
        with self._txn.cursor(db=self._tables[b"meta"]) as cursor:
            for mark, found in ((FOLDER, folders), (UNSEEN, unseen)):
                there = cursor.set_range(mark)
                while there and cursor.key().startswith(mark):
                    found[cursor.key()[len(mark) :]] = int.from_bytes(cursor.value(), "big")
                    there = cursor.next()
        return folders, unseen

    def has_root(self, name: str) -> bool:
        """Whether there is a root of this name, which any text may be."""
        key = os.fsencode(name)
        return 0 < len(key) <= LONGEST_KEY and self._get(b"roots", key) is not None

    def lease_count(self) -> int:
        """How many leases there are, those of dead processes too."""
        return int(self._txn.stat(db=self._tables[b"leases"])["entries"])

    def leases(self) -> dict[bytes, LeaseRecord]:
        """Every lease by its token, those of dead processes too."""
        found = {}
        for token, data in self._prefixed(b"leases", b""):
            found[token] = LeaseRecord.unpack(data, tuple(self._held(token)))
        return found

    def stale_leases(self) -> list[bytes]:
        """The tokens of the leases of processes that have ended. They stay so."""
        leases = self._prefixed(b"leases", b"")
        return [token for token, data in leases if not holder.alive(LeaseRecord.unpack(data, ()))]

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

    def misshapen(self) -> Iterator[tuple[str, str]]:
        """What could not have been written, by table: numbers and digests of another length, and
        nodes that do not decode."""
        for table, key, value in _SHAPES:
            for found, data in self._prefixed(table, b""):
                if len(found) != key or (value and len(data) != value):
                    yield table.decode(), f"an entry {found[:40].hex()} of another length"
        for digest, _ in self._prefixed(b"nodes", b""):
            try:
                node = self.node(digest)
                if node is not None and node.digest != digest:
                    yield "nodes", f"{digest.hex()} leads to {node.digest.hex()}"
            except StoreError as error:
                yield "nodes", f"{digest.hex()}: {error.message}"

    # -- what nothing else on disk tells --

    def identity(self) -> bytes | None:
        """The bytes that tell this store from others; None where there are none that can be."""
        found = self._get(b"meta", b"store")
        return found if found is not None and len(found) == IDENTITY_SIZE else None

    def everything(self, *, times: bool = False) -> Iterator[list[Value]]:
        """All that :mod:`store.index.records` keeps, ``times`` of last use and verification too."""
        identity = self.identity()
        if identity is not None:
            yield ["store", identity]
        for _, data in self._prefixed(b"nodes", b""):
            yield ["node", data]
        for _, data in self._prefixed(b"realisations", b""):
            yield ["realised", data]
        for key, data in self._prefixed(b"sources", b""):
            yield ["source", key[:32], key[32:], *canon.decode(data)]
        for key, data in self._prefixed(b"history", b""):
            yield ["history", key.decode(), canon.decode(data)]
        for key, data in self._prefixed(b"roots", b""):
            yield ["root", key, data]
        if times:
            yield from self._times()

    def _times(self) -> Iterator[list[Value]]:
        from heapq import merge  # not needed by most commands

        tables = (b"used", b"verified")
        with (
            self._txn.cursor(db=self._tables[b"used"]) as used,
            self._txn.cursor(db=self._tables[b"verified"]) as verified,
        ):
            noted = merge(used.iternext(values=False), verified.iternext(values=False))
            for number, _ in groupby(noted):
                times = [NUMBER.unpack(self._get(table, number) or bytes(4))[0] for table in tables]
                yield ["times", self.record(NUMBER.unpack(number)[0]).id.digest, *times]


def _realisation(data: bytes) -> Realisation:
    from store.model.realisation import Realisation

    return Realisation.from_stored(data)


def source_key(sha256: str, locator: str) -> bytes:
    """The key of ``sources``."""
    # A locator that is cut short only asks for another fetch.
    return (bytes.fromhex(sha256) + os.fsencode(locator))[:LONGEST_KEY]
