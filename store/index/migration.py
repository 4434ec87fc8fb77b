"""Bringing an older index to the present schema, in the one transaction that is handed in."""

from __future__ import annotations

from typing import Any

from store import canon
from store.errors import Busy, StoreError
from store.index.holder import process_start
from store.index.schema import NUMBER, SCHEMA, TABLES, ObjectRecord, damaged
from store.model import fields
from store.model.names import ObjectId
from store.model.realisation import Realisation

OLDER = (b"1",)
"""The schemas that can be brought to the present one."""


def migrate(env: Any, txn: Any) -> None:
    """From schema 1. CorruptObject for what it would not have written; Busy while it is in use.

    New are a counter of numbers, packed object records, makers by object and not by number, leases
    entry by entry, and the times of last use and verification.
    """
    tables = {name: env.open_db(name, txn, create=True, **flags) for name, flags in TABLES.items()}
    if txn.get(b"schema", db=tables[b"meta"]) not in OLDER:
        return  # another process was quicker
    try:
        _drop_leases(txn, tables)
        last = _repack_objects(txn, tables)
        _index_makers(txn, tables)
    except StoreError as error:
        if isinstance(error, Busy):
            raise
        raise damaged("of schema 1", error.message) from error
    txn.put(b"next", b"%d" % (last + 1), db=tables[b"meta"])
    txn.put(b"schema", b"%d" % SCHEMA, db=tables[b"meta"])


def _drop_leases(txn: Any, tables: Any) -> None:
    for _, data in txn.cursor(db=tables[b"leases"]):
        pid, start, _ = fields.array(canon.decode(data), 3)
        number = fields.integer(pid)
        if start and process_start(number) == start:
            raise Busy(
                f"an older version of this program is using the store (process {number})",
                hint="wait until it has finished",
            )
    txn.drop(tables[b"leases"], delete=False)


def _repack_objects(txn: Any, tables: Any) -> int:
    """Returns the last number given."""
    packed = []
    for key, data in txn.cursor(db=tables[b"objects"]):
        digest, name, size, itself, registered = fields.array(canon.decode(data), 5)
        record = ObjectRecord(
            ObjectId(fields.raw(digest, 20), fields.text(name)),
            fields.integer(size),
            fields.boolean(itself),
            fields.integer(registered),
        )
        packed.append((key, record.pack()))
    with txn.cursor(db=tables[b"objects"]) as cursor:
        cursor.putmulti(packed)
    return int(NUMBER.unpack(packed[-1][0])[0]) if packed else 0


def _index_makers(txn: Any, tables: Any) -> None:
    made = [
        (Realisation.decode(data).object.digest, key)
        for key, data in txn.cursor(db=tables[b"realisations"])
    ]
    txn.drop(tables[b"makers"], delete=False)
    with txn.cursor(db=tables[b"makers"]) as cursor:
        cursor.putmulti(sorted(made))
