"""A transaction that reads, by groups of tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from store import canon
from store.canon import Value
from store.errors import StoreError
from store.index.object_graph import GraphReader
from store.index.object_tables import NumberReader, ObjectReader, TimeReader
from store.index.schema import IDENTITY_SIZE, NUMBER
from store.index.tables import TableReader

if TYPE_CHECKING:
    from store.index.fact_tables import (
        HistoryReader,
        NodeReader,
        RealisationReader,
        SourceReader,
    )
    from store.index.held_tables import JournalReader, LeaseReader, RootReader

_SHAPES = (
    (b"ids", 20, NUMBER.size),
    (b"objects", NUMBER.size, 0),
    (b"used", NUMBER.size, NUMBER.size),
    (b"verified", NUMBER.size, NUMBER.size),
    (b"outcomes", 32, 32),
)
"""Tables with the bytes of each key and value, 0 for any."""


class Reader:
    """All that the index knows, as of one moment."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    @cached_property
    def objects(self) -> ObjectReader:
        """Objects by identity."""
        return ObjectReader(self._tables, self.by_number)

    @cached_property
    def by_number(self) -> NumberReader:
        """Objects by number."""
        return NumberReader(self._tables)

    @cached_property
    def graph(self) -> GraphReader:
        """References of objects."""
        return GraphReader(self._tables, self.objects, self.by_number)

    @cached_property
    def times(self) -> TimeReader:
        """When objects were last used and verified."""
        return TimeReader(self._tables, self.objects, self.by_number)

    @cached_property
    def nodes(self) -> NodeReader:
        """Derivations."""
        from store.index.fact_tables import NodeReader

        return NodeReader(self._tables)

    @cached_property
    def realisations(self) -> RealisationReader:
        """Build records: keys, objects and makers."""
        from store.index.fact_tables import RealisationReader

        return RealisationReader(self._tables, self.nodes)

    @cached_property
    def sources(self) -> SourceReader:
        """Where sources were fetched."""
        from store.index.fact_tables import SourceReader

        return SourceReader(self._tables)

    @cached_property
    def history(self) -> HistoryReader:
        """How long builds took."""
        from store.index.fact_tables import HistoryReader

        return HistoryReader(self._tables)

    @cached_property
    def roots(self) -> RootReader:
        """Names that keep objects alive."""
        from store.index.held_tables import RootReader

        return RootReader(self._tables)

    @cached_property
    def leases(self) -> LeaseReader:
        """Objects that processes use."""
        from store.index.held_tables import LeaseReader

        return LeaseReader(self._tables)

    @cached_property
    def journal(self) -> JournalReader:
        """The objects that became held while a collector runs."""
        from store.index.held_tables import JournalReader

        return JournalReader(self._tables)

    def misshapen(self) -> Iterator[tuple[str, str]]:
        """Yield entries that could not have been written, by table: numbers and digests of another
        length, and nodes that do not decode."""
        for table, key, value in _SHAPES:
            for found, data in self._tables.prefixed(table, b""):
                if len(found) != key or (value and len(data) != value):
                    yield table.decode(), f"an entry {found[:40].hex()} of another length"
        for digest, _ in self._tables.prefixed(b"nodes", b""):
            try:
                node = self.nodes.get(digest)
                if node is not None and node.digest != digest:
                    yield "nodes", f"{digest.hex()} leads to {node.digest.hex()}"
            except StoreError as error:
                yield "nodes", f"{digest.hex()}: {error.message}"

    def identity(self) -> bytes | None:
        """Return the bytes that tell this store from others; None where there are none that can
        be."""
        found = self._tables.get(b"meta", b"store")
        return found if found is not None and len(found) == IDENTITY_SIZE else None

    def everything(self, *, times: bool = False) -> Iterator[list[Value]]:
        """Yield all that :mod:`store.index.records` keeps, ``times`` of last use and verification
        too."""
        identity = self.identity()
        if identity is not None:
            yield ["store", identity]
        for _, data in self._tables.prefixed(b"nodes", b""):
            yield ["node", data]
        for _, data in self._tables.prefixed(b"realisations", b""):
            yield ["realised", data]
        for key, data in self._tables.prefixed(b"sources", b""):
            yield ["source", key[:32], key[32:], *canon.decode(data)]
        for key, data in self._tables.prefixed(b"history", b""):
            yield ["history", key.decode(), canon.decode(data)]
        for key, data in self._tables.prefixed(b"roots", b""):
            yield ["root", key, data]
        if times:
            yield from self._times()

    def _times(self) -> Iterator[list[Value]]:
        from heapq import merge  # not needed by most commands

        tables = (b"used", b"verified")
        with (
            self._tables.cursor(b"used") as used,
            self._tables.cursor(b"verified") as verified,
        ):
            noted = merge(used.iternext(values=False), verified.iternext(values=False))
            for number, _ in groupby(noted):
                times = [
                    NUMBER.unpack(self._tables.get(table, number) or bytes(4))[0]
                    for table in tables
                ]
                yield ["times", self.by_number.record(NUMBER.unpack(number)[0]).id.digest, *times]
