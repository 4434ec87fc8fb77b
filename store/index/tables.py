"""The tables in one transaction, as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from store.canon import Value
from store.index.schema import Tables


class TableReader:
    """Reading of the tables by key."""

    def __init__(self, txn: Any, tables: Tables) -> None:
        self._txn = txn
        self._tables = tables

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """Return the value of a key; None when there is none."""
        value: bytes | None = self._txn.get(key, db=self._tables[table])
        return value

    def prefixed(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key that begins so, with its value, by key."""
        with self._txn.cursor(db=self._tables[table]) as cursor:
            if cursor.set_range(prefix):
                for key, value in cursor:
                    if not key.startswith(prefix):
                        return
                    yield key, value

    def cursor(self, table: bytes) -> Any:
        """Return a cursor of LMDB's, to be closed."""
        return self._txn.cursor(db=self._tables[table])

    def entries(self, table: bytes) -> int:
        """Return how many entries a table has."""
        return int(self._txn.stat(db=self._tables[table])["entries"])


class Changes:
    """The changes of a transaction to facts that nothing else on disk has: ``told``, as
    :mod:`store.index.records` has it. ``forgotten`` is set when it takes back facts there."""

    def __init__(self) -> None:
        self.told: list[list[Value]] = []
        self.forgotten = False


class TableWriter(TableReader):
    """Reading and writing of the tables by key."""

    def __init__(self, txn: Any, tables: Tables) -> None:
        super().__init__(txn, tables)
        self.changes = Changes()

    def put(self, table: bytes, key: bytes, value: bytes) -> None:
        """Give a key this value."""
        self._txn.put(key, value, db=self._tables[table])

    def put_all(self, table: bytes, items: list[tuple[bytes, bytes]]) -> None:
        """Give many keys their values; sorted, they need few looks at each page."""
        with self._txn.cursor(db=self._tables[table]) as cursor:
            cursor.putmulti(items)

    def delete(self, table: bytes, key: bytes, value: bytes = b"") -> bool:
        """Remove a key, or one ``value`` of several that it has; returns whether it was there."""
        return bool(self._txn.delete(key, value, db=self._tables[table]))

    def clear(self, table: bytes) -> None:
        """Remove all keys of a table."""
        self._txn.drop(self._tables[table], delete=False)
