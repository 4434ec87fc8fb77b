"""Bringing an older index to the present schema, in one transaction."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from functools import partial
from typing import Any

from store import canon
from store.errors import Busy, SchemaMismatch, StoreError
from store.index.growing import growing
from store.index.holder import process_start
from store.index.schema import IDENTITY_SIZE, NUMBER, SCHEMA, TABLES, ObjectRecord, damaged
from store.model import fields
from store.model.names import ObjectId
from store.model.origin import BUILT, KEPT
from store.model.realisation import Realisation
from store.system.machine import host_name, user_name

OLDER = (b"1", b"2", b"3")
"""The schemas that can be brought to the present one."""


def bring_up_to_date(env: Any, version: bytes, use: int | None) -> None:
    """Bring the index to the present schema. ``use`` is its shared hold; None when it cannot be
    written to. Raises SchemaMismatch; Busy while another process uses the index."""
    if version not in OLDER:
        newer = version.isdigit() and int(version) > SCHEMA
        raise SchemaMismatch(
            f"the index has schema {version.decode('ascii', 'replace')}; "
            f"this program knows {SCHEMA}",
            hint="update this program" if newer else "`store index rebuild` makes the index anew",
        )
    if use is None:
        raise SchemaMismatch(
            f"the index has the older schema {version.decode()}, and cannot be written to",
            hint="its owner has to use this program once, which brings it up to date",
        )
    try:
        # Processes of an older version go on to write as they know it.
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(
            f"the store is to be brought from schema {version.decode()} to {SCHEMA}, and another "
            "process uses it",
            hint="wait until it has finished",
        ) from None
    growing(env, partial(migrate, env))
    fcntl.flock(use, fcntl.LOCK_SH)


def migrate(env: Any, txn: Any) -> None:
    """Migrate from an older schema. CorruptObject for an index that it would not have written; Busy
    while it is in use.

    New in schema 2 were a counter of numbers, packed object records, makers by object and not by
    number, leases entry by entry, and times; new in schema 3, the origins of realisations. Schema 4
    has the same tables as schema 3: a program that knows only 3 would give files second names
    again.
    """
    tables = {name: env.open_db(name, txn, create=True, **flags) for name, flags in TABLES.items()}
    schema = txn.get(b"schema", db=tables[b"meta"])
    if schema not in OLDER:
        return  # another process was quicker
    try:
        if schema == b"1":
            _drop_leases(txn, tables)
            last = _repack_objects(txn, tables)
            _index_makers(txn, tables)
            txn.put(b"next", b"%d" % (last + 1), db=tables[b"meta"])
        if schema != b"3":
            _add_origins(txn, tables)
            txn.put(b"store", os.urandom(IDENTITY_SIZE), db=tables[b"meta"])
    except StoreError as error:
        if isinstance(error, Busy):
            raise
        raise damaged(f"of schema {schema.decode()}", error.message) from error
    txn.put(b"schema", b"%d" % SCHEMA, db=tables[b"meta"])


def with_origin(record: Realisation) -> Realisation:
    """Return a record that was kept without an origin, with the best that can be said of it.

    It counts as built here when this user on this machine made it: imports left the names of those
    that the other store had. Any other goes on to count, as it did, and is not attested.
    """
    ours = (record.builder, record.host) == (user_name(), host_name())
    return replace(record, origin=BUILT if ours else KEPT)


def _add_origins(txn: Any, tables: Any) -> None:
    known = [
        (key, with_origin(Realisation.decode(data)).stored())
        for key, data in txn.cursor(db=tables[b"realisations"])
    ]
    with txn.cursor(db=tables[b"realisations"]) as cursor:
        cursor.putmulti(known)


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
    """Return the last number given."""
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
