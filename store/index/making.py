"""Making a new environment aside, and putting it in place when it is on disk.

LMDB does not wait for the first pages of a file that it makes: after a power cut at that moment,
the file would be no index at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import lmdb

from store.index.growing import growing
from store.index.schema import IDENTITY_SIZE, SCHEMA, TABLES
from store.system.durable import sync_folder
from store.system.locks import DirectoryLock, make_held

PREFIX = "new-"
"""How the names of folders begin in which an index is made."""


def make(path: str, size: int, fill: Callable[[Any], None]) -> None:
    """Make ``data.mdb`` in the folder ``path``, with a map of ``size`` bytes, filled by ``fill``.

    Of several processes that do, one is first, and all use what that one made. Raises lmdb.Error
    and OSError.
    """
    sweep(path)
    folder, hold = make_held(path, PREFIX)
    try:
        env = lmdb.open(folder, map_size=size, max_dbs=64, lock=False, mode=0o644)
        try:
            fill(env)
            env.sync(True)
        finally:
            env.close()
        _put(f"{folder}/data.mdb", f"{path}/data.mdb")
        sync_folder(path)
    finally:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        hold.release()


def make_tables(env: Any) -> None:
    """Make all tables in an environment, with the schema and a store's new identity."""
    growing(env, partial(_make_tables, env))


def _make_tables(env: Any, txn: Any) -> None:
    for name, flags in TABLES.items():
        env.open_db(name, txn, create=True, **flags)
    meta = env.open_db(b"meta", txn)
    txn.put(b"schema", b"%d" % SCHEMA, db=meta)
    txn.put(b"store", os.urandom(IDENTITY_SIZE), db=meta)


def _put(made: str, target: str) -> None:
    try:
        # Not by renaming: another process may have put its own there, and be using it.
        os.link(made, target)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links.
        os.rename(made, target)


def sweep(path: str) -> None:
    """Remove what processes that were killed here left."""
    import shutil

    for name in os.listdir(path):
        if name.startswith(PREFIX):
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                hold = DirectoryLock(f"{path}/{name}")
                shutil.rmtree(f"{path}/{name}", ignore_errors=True)
                hold.release()
