"""Reading of what only the index knows of builds: nodes, realisations, sources and times."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from store import canon
from store.display import quoted
from store.index.schema import LONGEST_KEY, Node, damaged
from store.index.tables import TableReader
from store.model import fields
from store.model.names import ObjectId

if TYPE_CHECKING:
    from store.model.realisation import Realisation


class NodeReader:
    """Derivations by digest or key, and what they were resolved to."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def get(self, digest: bytes) -> Node | None:
        """Return the node recorded under its digest."""
        from store.index.nodes import KINDS

        data = self._tables.get(b"nodes", digest)
        if data is None:
            return None
        if data[:1] not in KINDS:
            raise damaged("nodes", f"{digest.hex()} is of no known kind")
        return KINDS[data[:1]].decode(data[1:])

    def outcome(self, node: bytes) -> bytes | None:
        """Return the key that the node was last resolved to."""
        return self._tables.get(b"outcomes", node)

    def resolved_to(self, keys: Collection[bytes]) -> dict[bytes, list[bytes]]:
        """Return, by key, the digests of the nodes that were last resolved to it, sorted."""
        found: dict[bytes, list[bytes]] = {}
        for node, key in self._tables.prefixed(b"outcomes", b""):
            if key in keys:
                found.setdefault(key, []).append(node)
        return found


class RealisationReader:
    """Reading of build records: keys, objects and makers."""

    def __init__(self, tables: TableReader, nodes: NodeReader) -> None:
        self._tables = tables
        self._nodes = nodes

    def of(self, key: bytes, output: str | None = None) -> list[Realisation]:
        """Return all records for a key's output; without one, for each output of the key."""
        prefix = key if output is None else key + output.encode() + b"\0"
        return [_realisation(data) for _, data in self._tables.prefixed(b"realisations", prefix)]

    def made_of(self, key: bytes) -> list[ObjectId]:
        """Return the objects of all records for a key, whatever the output."""
        return [record.object for record in self.of(key)]

    def count(self) -> int:
        """Return how many records there are."""
        return self._tables.entries(b"realisations")

    def all(self) -> Iterator[Realisation]:
        """Yield every record, by key."""
        for _, data in self._tables.prefixed(b"realisations", b""):
            yield _realisation(data)

    def makers(self, oid: ObjectId) -> list[Realisation]:
        """Return all records that say that this object was made, whether or not it is there."""
        found = []
        with self._tables.cursor(b"makers") as cursor:
            if cursor.set_key(oid.digest):
                for key in cursor.iternext_dup():
                    data = self._tables.get(b"realisations", key)
                    if data is not None:
                        found.append(_realisation(data))
        return found

    def misnamed(self) -> Iterator[tuple[Realisation, str]]:
        """Yield every record that does not fit its derivation, with the reason: its object has a
        wrong name, or the derivation has no such output."""
        for record in self.all():
            reason = self.why_unfit(record)
            if reason:
                yield record, reason

    def why_unfit(self, record: Realisation) -> str:
        """Return why a record cannot be one of what its key is recorded to be; empty when it
        can."""
        from store.model.derivation import Source

        node = self._nodes.get(record.key)
        if node is None:
            return ""
        if record.output not in node.outputs:
            return f"{node.name} has no output {quoted(record.output)}"
        if not record.is_of(node.name):
            return f"{record.object} cannot be output {quoted(record.output)} of {node.name}"
        if isinstance(node, Source) and not record.may_be_fetched():
            return f"{record.object} is {node.name} by another's word, not by its hash"
        return ""


class SourceReader:
    """Which locators were seen to yield which hashes."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def verified(self, sha256: str, locator: str) -> bool:
        """Return whether the locator was seen to yield the hash."""
        return self._tables.get(b"sources", source_key(sha256, locator)) is not None


class HistoryReader:
    """How long builds took."""

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def of(self, name: str) -> list[int]:
        """Return milliseconds that builds of this name took, the newest last."""
        data = self._tables.get(b"history", name.encode())
        return [] if data is None else [fields.integer(item) for item in canon.decode(data)]


def _realisation(data: bytes) -> Realisation:
    from store.model.realisation import Realisation

    return Realisation.from_stored(data)


def source_key(sha256: str, locator: str) -> bytes:
    """Return the key of ``sources``."""
    # A locator that is cut short only asks for another fetch.
    return (bytes.fromhex(sha256) + os.fsencode(locator))[:LONGEST_KEY]
