"""Reading what another store's index says of objects. Nothing that it says is believed here.

The file may hold anything, and may change while it is read; LMDB can die of that, or go in circles.
So only a helping process reads, which its caller bounds. Nothing is locked, made or written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import lmdb

from store.errors import CorruptObject, StorageError, StoreError
from store.index.nodes import KINDS
from store.index.schema import TABLES, Node
from store.model.realisation import Realisation

READABLE = (b"2", b"3", b"4")
"""Schemas whose tables of makers, realisations and nodes are as these are."""

RECORDS_LIMIT = 100
"""Records of one object that are read."""

NODE_LIMIT = 16 << 20
"""Bytes of a node that is read."""

_ATTEMPTS = 5
_WANTED = (b"meta", b"makers", b"realisations", b"nodes")


class Told(NamedTuple):
    """A record as the other store has it, its origin left out. ``node`` is the one under its key,
    if its digest is right."""

    record: Realisation
    node: Node | None


def identity(fd: int) -> bytes | None:
    """Return the bytes that tell the store from others whose index is open as ``fd``; None when it
    has none. Raises as :func:`told`."""
    try:
        env = _open(fd)
        meta = env.open_db(b"meta", create=False)
        with env.begin() as txn:
            found: bytes | None = txn.get(b"store", db=meta)
        return found
    except lmdb.Error as error:
        raise CorruptObject(f"it is damaged: {error}") from error


def told(fd: int, digests: Iterable[bytes]) -> list[Told]:
    """Return the records that the index file open as ``fd`` has of the makers of the objects with
    these digests (20 bytes each). Records that do not decode are passed over.

    CorruptObject when it is no index that can be read, StorageError while another process writes to
    it. LMDB may end this process, or never return.
    """
    try:
        env = _open(fd)
        digests = tuple(digests)
        for _ in range(_ATTEMPTS):
            found, disturbed = _attempt(env, digests)
            if not disturbed:
                return found
    except lmdb.Error as error:
        raise CorruptObject(f"it is damaged: {error}") from error
    raise StorageError("it is being written to; try again soon")


def _open(fd: int) -> Any:
    return lmdb.open(
        f"/proc/self/fd/{fd}",
        map_size=max(os.fstat(fd).st_size, 1 << 20),
        subdir=False,
        readonly=True,
        lock=False,
        create=False,
        max_dbs=len(TABLES) + 4,
    )


def _attempt(env: Any, digests: tuple[bytes, ...]) -> tuple[list[Told], bool]:
    """Return the records, and whether pages may have been used again while they were read."""
    tables = {name: env.open_db(name, create=False, **TABLES[name]) for name in _WANTED}
    with env.begin() as txn:
        schema = txn.get(b"schema", db=tables[b"meta"])
        if schema not in READABLE:
            shown = bytes(schema or b"none")[:20].decode("ascii", "replace")
            raise CorruptObject(f"its schema is {shown}, which this program cannot read here")
        found = [each for digest in digests for each in _told(txn, tables, digest, schema)]
        return found, env.info()["last_txnid"] - txn.id() > 1


def _told(txn: Any, tables: Any, digest: bytes, schema: bytes) -> Iterator[Told]:
    for key in _makers(txn, tables, digest):
        data = txn.get(key, db=tables[b"realisations"])
        try:
            record = _record(data, schema)
        except StoreError:
            continue
        if record.object.digest == digest:
            yield Told(record, _node(txn, tables, record.key))


def _makers(txn: Any, tables: Any, digest: bytes) -> list[bytes]:
    found: list[bytes] = []
    with txn.cursor(db=tables[b"makers"]) as cursor:
        if cursor.set_key(digest):
            for key in cursor.iternext_dup():
                found.append(bytes(key))
                if len(found) == RECORDS_LIMIT:
                    break
    return found


def _record(data: bytes | None, schema: bytes) -> Realisation:
    if data is None:
        raise CorruptObject("a record is not there")
    if schema == b"2":
        return Realisation.decode(data)
    return Realisation.decode(Realisation.from_stored(data).encode())


def _node(txn: Any, tables: Any, key: bytes) -> Node | None:
    data = txn.get(key, db=tables[b"nodes"])
    if data is None or data[:1] not in KINDS or len(data) > NODE_LIMIT:
        return None
    try:
        node = KINDS[data[:1]].decode(data[1:])
    except StoreError:
        return None
    return node if node.digest == key else None
