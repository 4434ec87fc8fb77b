"""A transaction that writes, by groups of tables."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from store.index.fact_writing import HistoryWriter, NodeWriter, RealisationWriter, SourceWriter
from store.index.held_writing import JournalWriter, LeaseWriter, RootWriter
from store.index.object_writing import ObjectWriter, TimeWriter
from store.index.reading import Reader
from store.index.tables import TableWriter


class Writer(Reader):
    """Reading and writing. The caller's transaction is all or nothing.

    ``changes`` are those so far of facts that no other file on disk has.
    """

    _tables: TableWriter

    def __init__(self, tables: TableWriter) -> None:
        super().__init__(tables)
        self.changes: Final = tables.changes

    @cached_property
    def objects(self) -> ObjectWriter:
        """Objects by identity."""
        return ObjectWriter(self._tables, self.by_number)

    @cached_property
    def times(self) -> TimeWriter:
        """When objects were last used and verified."""
        return TimeWriter(self._tables, self.objects, self.by_number)

    @cached_property
    def nodes(self) -> NodeWriter:
        """Derivations."""
        return NodeWriter(self._tables)

    @cached_property
    def realisations(self) -> RealisationWriter:
        """Build records: keys, objects and makers."""
        return RealisationWriter(self._tables, self.nodes)

    @cached_property
    def sources(self) -> SourceWriter:
        """Where sources were fetched."""
        return SourceWriter(self._tables)

    @cached_property
    def history(self) -> HistoryWriter:
        """How long builds took."""
        return HistoryWriter(self._tables)

    @cached_property
    def roots(self) -> RootWriter:
        """Names that keep objects alive."""
        return RootWriter(self._tables, self.objects, self.by_number, self.journal)

    @cached_property
    def leases(self) -> LeaseWriter:
        """Objects that processes use."""
        return LeaseWriter(self._tables, self.times, self.journal)

    @cached_property
    def journal(self) -> JournalWriter:
        """The objects that became held while a collector runs."""
        return JournalWriter(self._tables)

    def set_identity(self, identity: bytes) -> None:
        """Set the bytes that tell this store from others."""
        self._tables.put(b"meta", b"store", identity)
