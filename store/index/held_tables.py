"""Reading of the holders of objects: roots, leases, and the journal of a collector."""

from __future__ import annotations

import os
from collections.abc import Iterator

from store.errors import StoreError
from store.index import holder
from store.index.schema import FOLDER, LONGEST_KEY, POSITION, UNSEEN, LeaseRecord, Root, damaged
from store.index.tables import TableReader
from store.model.names import ObjectId


class RootReader:
    """Names that keep objects alive."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def all(self) -> dict[str, Root]:
        """Return every root by its name."""
        found = self._tables.prefixed(b"roots", b"")
        return {os.fsdecode(name): Root.unpack(data) for name, data in found}

    def values(self) -> list[tuple[bytes, bytes]]:
        """Return every root's name and its value, by name: fast for many, see
        :class:`store.index.schema.RootColumns`. CorruptObject when there are more or
        fewer than there should be."""
        with self._tables.cursor(b"roots") as cursor:
            found = list(cursor)
        if len(found) != self._tables.entries(b"roots"):
            raise damaged("roots", f"{len(found)} are there, of {self._tables.entries(b'roots')}")
        return found

    def sight(self) -> tuple[dict[bytes, int], dict[bytes, int]]:
        """Return two maps by the names of roots: the marks of the folders of their links, and since
        when (Unix seconds) links are out of sight."""
        folders: dict[bytes, int] = {}
        unseen: dict[bytes, int] = {}
        with self._tables.cursor(b"meta") as cursor:
            for mark, found in ((FOLDER, folders), (UNSEEN, unseen)):
                there = cursor.set_range(mark)
                while there and cursor.key().startswith(mark):
                    found[cursor.key()[len(mark) :]] = int.from_bytes(cursor.value(), "big")
                    there = cursor.next()
        return folders, unseen

    def has(self, name: str) -> bool:
        """Return whether there is a root of this name, which any text may be."""
        key = os.fsencode(name)
        return 0 < len(key) <= LONGEST_KEY and self._tables.get(b"roots", key) is not None


class LeaseReader:
    """Objects that processes use."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def count(self) -> int:
        """Return how many leases there are, those of dead processes too."""
        return self._tables.entries(b"leases")

    def all(self) -> dict[bytes, LeaseRecord]:
        """Return every lease by its token, those of dead processes too."""
        found = {}
        for token, data in self._tables.prefixed(b"leases", b""):
            found[token] = LeaseRecord.unpack(data, tuple(self._held(token)))
        return found

    def stale(self) -> list[bytes]:
        """Return the tokens of the leases of processes that have ended. They stay so."""
        leases = self._tables.prefixed(b"leases", b"")
        return [token for token, data in leases if not holder.alive(LeaseRecord.unpack(data, ()))]

    def _held(self, token: bytes) -> Iterator[ObjectId]:
        for key, name in self._tables.prefixed(b"held", token):
            try:
                yield ObjectId(key[len(token) :], name.decode())
            except (StoreError, UnicodeDecodeError) as error:
                raise damaged("held", str(error)) from error


class JournalReader:
    """The objects that became held while a collector runs."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def since(self, position: int) -> tuple[list[bytes], int]:
        """Return digests of what became held since ``position``, and the position to go on from."""
        digests = []
        with self._tables.cursor(b"journal") as cursor:
            if cursor.set_range(POSITION.pack(position)):
                for key, digest in cursor:
                    digests.append(digest)
                    position = POSITION.unpack(key)[0] + 1
        return digests, position
