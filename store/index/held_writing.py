"""Writing of the holders of objects: roots, leases, and the journal of a collector."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import islice

from store.errors import InvalidName
from store.index import holder
from store.index.held_tables import JournalReader, LeaseReader, RootReader
from store.index.object_tables import NumberReader, ObjectReader
from store.index.object_writing import TimeWriter
from store.index.schema import FOLDER, LONGEST_KEY, POSITION, UNSEEN, Root
from store.index.tables import TableWriter
from store.model.names import ObjectId
from store.system.clock import unix_seconds


class JournalWriter(JournalReader):
    """The beginning and the end of a collector; objects that become held meanwhile are noted for
    it."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter) -> None:
        super().__init__(tables)

    def start(self) -> None:
        """Begin to write down each object that becomes held, for the collector."""
        self._tables.clear(b"journal")
        self._tables.put(b"meta", b"collector", holder.myself().pack())

    def end(self) -> None:
        """End the journal: the collector has finished."""
        self._tables.delete(b"meta", b"collector")
        self._tables.clear(b"journal")

    def note(self, oids: Iterable[ObjectId]) -> None:
        """Note that these objects became held."""
        if self._tables.get(b"meta", b"collector") is None:
            return
        with self._tables.cursor(b"journal") as cursor:
            position = POSITION.unpack(cursor.key())[0] + 1 if cursor.last() else 0
        for oid in oids:
            self._tables.put(b"journal", POSITION.pack(position), oid.digest)
            position += 1


class RootWriter(RootReader):
    """RootColumns are set and removed."""

    _tables: TableWriter

    def __init__(
        self,
        tables: TableWriter,
        objects: ObjectReader,
        numbers: NumberReader,
        journal: JournalWriter,
    ) -> None:
        super().__init__(tables)
        self._objects = objects
        self._numbers = numbers
        self._journal = journal

    def put(self, name: str, oid: ObjectId, path: bytes = b"") -> None:
        """Keep an object alive under a name; ``path`` is the link that stands for it."""
        number = self._objects.known(oid)
        key = os.fsencode(name)
        if not 0 < len(key) <= LONGEST_KEY:
            raise InvalidName(f"the name of a root has 1 to {LONGEST_KEY} bytes: {name}")
        self.restore(key, Root(self._numbers.record(number).id, path, unix_seconds()))
        self._journal.note([oid])

    def restore(self, key: bytes, root: Root) -> None:
        """Write a root down as it is; its object is known."""
        self._tables.put(b"roots", key, root.pack())
        self._tables.changes.told.append(["root", key, root.pack()])

    def remove(self, name: str) -> bool:
        """Keep the object alive no longer; returns whether there was such a root."""
        key = os.fsencode(name)
        there = self._tables.delete(b"roots", key)
        if there:
            self._tables.changes.told.append(["unroot", key])
            for mark in (FOLDER, UNSEEN):
                self._forget_mark(mark, key)
        return there

    def _forget_mark(self, mark: bytes, key: bytes) -> None:
        if len(key) + len(mark) <= LONGEST_KEY:  # a name, and no link's
            self._tables.delete(b"meta", mark + key)

    def put_folder(self, name: str, mark: int) -> None:
        """Note the mark of the folder that has the link of a root; 0 when it is not known."""
        key = os.fsencode(name)
        self._tables.delete(b"meta", UNSEEN + key)
        if mark:
            self._tables.put(b"meta", FOLDER + key, POSITION.pack(mark))

    def put_unseen(self, since: Mapping[bytes, int | None]) -> None:
        """Note since when (Unix seconds) links of roots are out of sight, by the roots' names; None
        for those that are seen."""
        for key, when in since.items():
            if when is None:
                self._forget_mark(UNSEEN, key)
            elif self._tables.get(b"roots", key) is not None:
                self._tables.put(b"meta", UNSEEN + key, POSITION.pack(when))


class LeaseWriter(LeaseReader):
    """Leases are begun and ended."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter, times: TimeWriter, journal: JournalWriter) -> None:
        super().__init__(tables)
        self._times = times
        self._journal = journal

    def put(self, token: bytes | None, oids: Iterable[ObjectId]) -> bytes:
        """Lease (more) objects to this process; returns the token to add to it or end it with."""
        if token is None or self._tables.get(b"leases", token) is None:
            token = token or os.urandom(16)
            self._tables.put(b"leases", token, holder.myself().pack())
        oids = tuple(oids)
        for oid in oids:
            self._tables.put(b"held", token + oid.digest, oid.name.encode())
        self._times.note_used(oids)
        self._journal.note(oids)
        return token

    def end(self, token: bytes, most: int | None = None) -> int:
        """End a lease; returns how many objects it let go of. With ``most``, it lets go of no more
        of them now, and ends when they were fewer."""
        held = [key for key, _ in islice(self._tables.prefixed(b"held", token), most)]
        for key in held:
            self._tables.delete(b"held", key)
        if most is None or len(held) < most:
            self._tables.delete(b"leases", token)
        return len(held)
