"""The places of equal content: the objects that have a file with some bytes, and its path there.

This part of the index is a file of its own, ``contents.mdb``, for two reasons. Processes that copy
trees ask it. They are forked, and LMDB cannot be used in a fork of a process that has the file
open; so this one is open for moments only. And it is a hint: it follows from the manifests, so it
is not copied with the rest, and a reader checks the file at a place first. A damaged one is thrown
away.

| table | key | value |
| --- | --- | --- |
| meta | ``next``, ``pairs``, ``stale`` | the number to come; pairs of ``holders``; those without an
object, at least so many (8, big-endian each) |
| names | object digest (20) | number (4), how many pairs are its own (4), big-endian |
| numbers | number | ``<digest>-<name>`` |
| holders | content (16) | number, then the file's path in the object; one entry for each object |

A *content* is the first 15 bytes of a file's digest, and whether it is executable.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import lmdb

from store.index.growing import growing
from store.index.hint_file import HintFile
from store.index.schema import NUMBER, POSITION

T = TypeVar("T")

Pairs = Sequence[tuple[bytes, bytes]]
"""Contents (16 bytes each) with the paths of files that have them, below the object's top."""

LONGEST_PATH: Final = 511 - NUMBER.size
"""Bytes of a path that is kept, at the most; a longer one is not offered for sharing."""

NEWEST: Final = 4
"""Objects that are offered for a content: the file of the newest has the fewest names."""

_SKIPPED: Final = 64
"""Entries of forgotten objects that are passed over in one look."""

_LOOKS: Final = 100
"""Looks into one snapshot."""

_STALE: Final = 3
"""When one in so many entries is of a forgotten object, they are removed."""

_FIRST_MAP: Final = 64 << 20
_READERS: Final = 1024
_PAIR: Final = struct.Struct(">II")
_TABLES: Final[Mapping[bytes, Mapping[str, bool]]] = {
    b"meta": {},
    b"names": {},
    b"numbers": {},
    b"holders": {"dupsort": True},
}


class ContentTable:
    """The table in an index's folder. A part that cannot be read has no entries, and an entry that
    cannot be written is left out: sharing saves space, and nothing else.

    Reading keeps the file open until :meth:`close`. That comes before this process is forked, or
    opens the table by another value.
    """

    def __init__(self, index: str) -> None:
        self._file = HintFile(
            index,
            "contents",
            contents="contents",
            first_map=_FIRST_MAP,
            tables=len(_TABLES) + 2,
            readers=_READERS,
        )
        self._reading: _Reading | None = None
        self._unreadable = False

    # -- asking --

    def find(self, content: bytes, most: int = NEWEST) -> list[bytes]:
        """Return files with this content, as paths below the store directory, the newest object
        first; ``most`` of them."""
        if self._reading is None and not self._open_for_reading():
            return []
        assert self._reading is not None
        try:
            return self._reading.find(content, most)
        except (lmdb.Error, struct.error):
            return []

    def close(self) -> None:
        """Let go of the file; the next look opens it again."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None
        self._unreadable = False

    def digests(self) -> list[bytes]:
        """Return the digests (20 bytes) of the noted objects, ascending."""

        def work(txn: Any, tables: Mapping[bytes, Any]) -> list[bytes]:
            with txn.cursor(db=tables[b"names"]) as cursor:
                return list(cursor.iternext(keys=True, values=False))

        return self._change(work) or []

    # -- telling --

    def tell(self, name: str, digest: bytes, pairs: Pairs) -> None:
        """Keep where an object ``<digest>-<name>`` has its files; ``pairs`` ascend by content."""
        self.tell_all([(name, digest, pairs)])

    def tell_all(self, objects: Iterable[tuple[str, bytes, Pairs]]) -> None:
        """Act as :meth:`tell`, of several objects at once."""
        told = list(objects)  # once more when the map has to grow
        self._change(lambda txn, tables: _tell(txn, tables, told))

    def forget(self, digests: Iterable[bytes]) -> None:
        """Remove the files of these objects from the table."""
        if os.path.exists(self._file.path):
            self._change(lambda txn, tables: _forget(txn, tables, digests))

    def clear(self) -> None:
        """Remove all of it, and anything but a file in the place of its lock. OSError."""
        self.close()
        self._file.clear()

    def replace_by(self, other: ContentTable) -> None:
        """Take over the other table, which nobody else uses, and which is not there any more then.
        OSError."""
        self.clear()
        other.close()
        with contextlib.suppress(FileNotFoundError):
            os.rename(other._file.path, self._file.path)

    # -- opening --

    def _open_for_reading(self) -> bool:
        if self._unreadable or not os.path.exists(self._file.path):
            self._unreadable = True
            return False
        try:
            self._reading = _Reading(self._file.open(readonly=True))
        except (lmdb.Error, OSError):
            self._unreadable = True
            return False
        return True

    def _change(self, work: Callable[[Any, Mapping[bytes, Any]], T]) -> T | None:
        """Run ``work`` in one transaction; None when it cannot be had. A damaged file is removed,
        so that the next one begins anew."""
        self.close()

        def grown(env: Any) -> T:
            tables = _tables(env)
            return growing(env, lambda txn: work(txn, tables))

        return self._file.use(grown, readonly=False)


class _Reading:
    """The table, open for reading. A snapshot serves for some looks, as to begin one costs as much
    as the look; none is kept for long, as what it sees cannot be written over."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._txn: Any = None
        self._left = 0
        try:
            self._holders = env.open_db(b"holders", create=False, **_TABLES[b"holders"])
            self._numbers = env.open_db(b"numbers", create=False)
        except BaseException:
            env.close()
            raise

    def find(self, content: bytes, most: int) -> list[bytes]:
        if not self._left:
            self._begin()
        self._left -= 1
        if not self._cursor.set_key(content):
            return []
        return _newest(self._txn, self._cursor, self._numbers, most)

    def _begin(self) -> None:
        if self._txn is not None:
            self._txn.abort()
        try:
            self._txn = self._env.begin()
        except lmdb.MapResizedError:
            self._env.set_mapsize(0)
            self._txn = self._env.begin()
        self._cursor = self._txn.cursor(db=self._holders)
        self._left = _LOOKS

    def close(self) -> None:
        if self._txn is not None:
            self._txn.abort()
        self._env.close()


def _tables(env: Any) -> Mapping[bytes, Any]:
    return {name: env.open_db(name, **flags) for name, flags in _TABLES.items()}


# -- in a transaction -----------------------------------------------------------------------------


def _newest(txn: Any, cursor: Any, numbers: Any, most: int) -> list[bytes]:
    found: list[bytes] = []
    cursor.last_dup()
    for _ in range(_SKIPPED):
        value = cursor.value()
        name = txn.get(value[: NUMBER.size], db=numbers)
        if name is not None:
            path = value[NUMBER.size :]
            whole = b"%b/%b" % (name, path) if path else name
            if b"\0" not in whole:  # no path has one: LMDB has no checksums, and this is damage
                found.append(whole)
        if len(found) == most or not cursor.prev_dup():
            break
    return found


def _tell(
    txn: Any, tables: Mapping[bytes, Any], objects: Iterable[tuple[str, bytes, Pairs]]
) -> None:
    meta = tables[b"meta"]
    number, count = _counter(txn, meta, b"next"), _counter(txn, meta, b"pairs")
    told = {digest: (name, pairs) for name, digest, pairs in objects}
    with txn.cursor(db=tables[b"names"]) as cursor:
        for digest, _ in cursor.getmulti(sorted(told)):
            del told[digest]
    fresh: list[tuple[bytes, bytes]] = []
    names, numbers = [], []
    for digest, (name, pairs) in told.items():
        head = NUMBER.pack(number)
        kept = [(content, head + path) for content, path in pairs if len(path) <= LONGEST_PATH]
        numbers.append((head, name.encode()))
        names.append((digest, _PAIR.pack(number, len(kept))))
        fresh += kept
        number += 1
    # Sorted, many are put in with few looks at each page.
    for table, items in (
        (b"numbers", numbers),
        (b"names", sorted(names)),
        (b"holders", sorted(fresh)),
    ):
        with txn.cursor(db=tables[table]) as cursor:
            cursor.putmulti(items)
    txn.put(b"next", POSITION.pack(number), db=meta)
    txn.put(b"pairs", POSITION.pack(count + len(fresh)), db=meta)


def _forget(txn: Any, tables: Mapping[bytes, Any], digests: Iterable[bytes]) -> None:
    meta = tables[b"meta"]
    pairs, stale = _counter(txn, meta, b"pairs"), _counter(txn, meta, b"stale")
    for digest in digests:
        found = txn.get(digest, db=tables[b"names"])
        if found is not None:
            number, count = _PAIR.unpack(found)
            txn.delete(NUMBER.pack(number), db=tables[b"numbers"])
            txn.delete(digest, db=tables[b"names"])
            stale += count
    if stale and stale * _STALE >= pairs:
        pairs, stale = _remove_stale(txn, tables), 0
    txn.put(b"pairs", POSITION.pack(pairs), db=meta)
    txn.put(b"stale", POSITION.pack(stale), db=meta)


def _remove_stale(txn: Any, tables: Mapping[bytes, Any]) -> int:
    """Remove what forgotten objects have; returns the number of pairs that are left."""
    with txn.cursor(db=tables[b"numbers"]) as cursor:
        known = set(cursor.iternext(keys=True, values=False))
    if not known:
        txn.drop(tables[b"holders"], delete=False)
        return 0
    left = 0
    with txn.cursor(db=tables[b"holders"]) as cursor:
        there = cursor.first()
        while there:
            if cursor.value()[: NUMBER.size] in known:
                left += 1
                there = cursor.next()
            else:
                # The next value takes its place.
                cursor.delete()
                there = bool(cursor.key())
    return left


def _counter(txn: Any, meta: Any, name: bytes) -> int:
    found = txn.get(name, db=meta)
    return 1 if found is None and name == b"next" else int.from_bytes(found or b"", "big")
