"""The check that the end of the index's file is there.

A file may be sound and end before the last page that LMDB counts: pages that one transaction took
there and let go of again are never written. Or it was cut short: then reading the missing part is
no error, but the end of the process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
from collections.abc import Callable
from typing import Any

import lmdb

from store.errors import CorruptObject, HelperEnded, StoreError
from store.index.schema import TABLES


def lacking(env: Any, path: str) -> int:
    """Return how many bytes the file at ``path`` would need to have every page that LMDB counts."""
    # In this order: a commit writes its pages before it counts them.
    end = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    return max(0, int(end) - os.stat(path).st_size)


def check(path: str, env: Callable[[], Any], *, writable: bool) -> None:
    """Raise CorruptObject when pages in use are missing from the file at ``path``.

    ``env`` opens it, ``writable`` or not: another process reads all of it, and may die of that.
    This one must not have it open.
    """

    from store.system.forking import ForkedCall  # takes long to load

    def look() -> None:
        faulthandler.disable()  # that it dies is provided for
        _go_through(env(), writable)

    try:
        ForkedCall(look).result()
    except (HelperEnded, StoreError, lmdb.Error, OSError) as error:
        raise CorruptObject(
            f"the index {path} is cut short",
            hint="`store index rebuild` makes it anew from the store directory",
        ) from error


def _go_through(env: Any, writable: bool) -> None:
    if writable:
        # A writer looks for free pages first, and their list has pages of its own.
        with contextlib.suppress(lmdb.MapFullError), env.begin(write=True) as txn:
            txn.put(b"a look", b"")
            txn.abort()
    with env.begin() as txn:
        names = [name for name, _ in txn.cursor()]
    for name in names:
        table = env.open_db(name, create=False, **TABLES.get(name, {}))
        with env.begin(db=table) as txn:
            for _ in txn.cursor():
                pass
    env.close()
