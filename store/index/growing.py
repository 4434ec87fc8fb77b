"""Transactions that write to a file whose map grows when it is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import lmdb

T = TypeVar("T")


def growing(env: Any, work: Callable[[Any], T]) -> T:
    """Run ``work`` in one transaction; again from its start when the map has to grow."""
    while True:
        try:
            with env.begin(write=True) as txn:
                return work(txn)
        except lmdb.MapFullError:
            env.set_mapsize(env.info()["map_size"] * 2)
        except lmdb.MapResizedError:
            env.set_mapsize(0)
