"""Writing of what only the index knows of builds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from store import canon
from store.errors import FormatError, InvalidName
from store.index.fact_tables import (
    HistoryReader,
    NodeReader,
    RealisationReader,
    SourceReader,
    source_key,
)
from store.index.nodes import KINDS
from store.index.schema import Node
from store.index.tables import TableWriter
from store.model.derivation import Source
from store.model.realisation import Realisation

_HISTORY = 15


class NodeWriter(NodeReader):
    """Derivations and what they were resolved to are kept."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter) -> None:
        super().__init__(tables)

    def put(self, nodes: Iterable[Node]) -> None:
        """Record what nodes are."""
        for full in nodes:
            # Others may read the index.
            node = full.without_secrets() if isinstance(full, Source) else full
            tag = next(tag for tag, kind in KINDS.items() if type(node) is kind)
            data = tag + node.encode()
            if self._tables.get(b"nodes", node.digest) != data:
                self._tables.put(b"nodes", node.digest, data)
                self._tables.changes.told.append(["node", data])

    def put_outcomes(self, outcomes: Mapping[bytes, bytes]) -> None:
        """Remember keys of nodes."""
        for node, key in outcomes.items():
            self._tables.put(b"outcomes", node, key)


class RealisationWriter(RealisationReader):
    """Records are added, and removed when they cannot be true."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter, nodes: NodeReader) -> None:
        super().__init__(tables, nodes)

    def add(self, record: Realisation) -> None:
        """Add a record, or a better origin to one that is there; none is ever replaced. Its object
        may be missing, or not be here yet.

        InvalidName when it cannot be one of its derivation, where that is recorded; FormatError
        when another record has its place.
        """
        unfit = self.why_unfit(record)
        if unfit:
            raise InvalidName(unfit)
        key = _realisation_key(record)
        former = self._tables.get(b"realisations", key)
        if former is not None:
            known = Realisation.from_stored(former)
            if known.encode() != record.encode():
                raise FormatError(f"another realisation has the key of {record.object}'s")
            record = replace(known, origin=known.origin.joined(record.origin))
        data = record.stored()
        if former != data:
            self._tables.put(b"realisations", key, data)
            self._tables.changes.told.append(["realised", data])
        self._tables.put(b"makers", record.object.digest, key)

    def remove(self, record: Realisation) -> None:
        """Forget a record that cannot be true, or counts no more."""
        self._tables.changes.forgotten = True
        key = _realisation_key(record)
        self._tables.delete(b"realisations", key)
        self._tables.delete(b"makers", record.object.digest, key)


class SourceWriter(SourceReader):
    """Locators that yielded a hash are kept."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter) -> None:
        super().__init__(tables)

    def add(self, sha256: str, locator: str, when: int) -> None:
        """Record that the locator yielded the hash at ``when`` (Unix seconds)."""
        if not self.verified(sha256, locator):
            self._tables.changes.told.append(
                ["source", bytes.fromhex(sha256), os.fsencode(locator), when]
            )
        self._tables.put(b"sources", source_key(sha256, locator), canon.encode([when]))


class HistoryWriter(HistoryReader):
    """How long builds took is kept."""

    _tables: TableWriter

    def __init__(self, tables: TableWriter) -> None:
        super().__init__(tables)

    def add(self, name: str, milliseconds: int) -> None:
        """Record how long a build took."""
        self.put(name, [*self.of(name), milliseconds])

    def put(self, name: str, milliseconds: Sequence[int]) -> None:
        """Record how long all builds took, the newest last."""
        recent = list(milliseconds)[-_HISTORY:]
        self._tables.put(b"history", name.encode(), canon.encode(recent))
        self._tables.changes.told.append(["history", name, recent])


def _realisation_key(record: Realisation) -> bytes:
    return record.key + record.output.encode() + b"\0" + record.digest()[:8]
