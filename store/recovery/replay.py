"""The records beside the objects, replayed into a new index."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from store.canon import Value
from store.errors import FormatError, StoreError
from store.index.migration import with_origin
from store.index.nodes import KINDS
from store.index.schema import IDENTITY_SIZE, Root
from store.index.writing import Writer
from store.model import fields
from store.model.origin import KEPT
from store.model.realisation import Realisation

_NOBODY = b""
"""In the place of a store's identity: another one than any store's."""


@dataclass
class Replay:
    """``realisations`` and ``roots`` are the numbers of those put into the index; ``lost_roots``
    are the names of those whose objects are not whole, with the objects; ``kept_for_later``, the
    records of these, for when the objects are whole again; ``unread`` records made no sense."""

    realisations: int = 0
    unread: int = 0
    roots: int = 0
    lost_roots: list[tuple[str, str]] = field(default_factory=list)
    kept_for_later: list[list[Value]] = field(default_factory=list)
    identity: bytes | None = None
    """The identity of this store; of none, the first in a record."""
    _teller: bytes | None = None
    _roots: dict[bytes, Root] = field(default_factory=dict)

    def tell(self, txn: Writer, records: Iterable[list[Value]], *, nameless: bool = False) -> None:
        """Tell records in the order in which they were written. Those that are ``nameless`` are a
        copy's that does not say of which store."""
        self._teller = _NOBODY if nameless else None
        for record in records:
            try:
                self._tell(txn, record)
            except (StoreError, struct.error, ValueError, IndexError):
                self.unread += 1

    def finish(self, txn: Writer) -> None:
        """Set the roots that are left when all is replayed, and drop the realisations that do not
        fit a derivation of a later record."""
        for record, _ in list(txn.realisations.misnamed()):
            txn.realisations.remove(record)
            self.unread += 1
        self.realisations = txn.realisations.count()
        if self.identity is not None:
            txn.set_identity(self.identity)
        for key, root in sorted(self._roots.items()):
            if txn.objects.has(root.id):
                txn.roots.restore(key, root)
                self.roots += 1
            else:
                name = os.fsdecode(root.path or key)
                self.lost_roots.append((name, str(root.id)))
                self.kept_for_later.append(["root", key, root.pack()])

    def _tell(self, txn: Writer, record: list[Value]) -> None:
        match record:
            case ["store", bytes(_)] if self._teller == _NOBODY:
                pass  # given to the copy when it was read
            case ["store", bytes(identity)] if len(identity) == IDENTITY_SIZE:
                self._teller = identity
                self.identity = self.identity or identity
            case ["node", bytes(data)]:
                if data[:1] not in KINDS:
                    raise FormatError("a node of no known kind")
                txn.nodes.put([KINDS[data[:1]].decode(data[1:])])
            case ["realised", bytes(data)]:
                txn.realisations.add(self._ours(Realisation.from_stored(data)))
            case ["realisation", bytes(data)]:
                txn.realisations.add(with_origin(Realisation.decode(data)))
            case ["source", bytes(sha256), bytes(locator), int(when)] if len(sha256) == 32:
                txn.sources.add(sha256.hex(), os.fsdecode(locator), when)
            case ["history", str(name), list(times)]:
                txn.history.put(name, [fields.integer(item) for item in times])
            case ["root", bytes(key), bytes(data)]:
                self._roots[key] = Root.unpack(data)
            case ["unroot", bytes(key)]:
                self._roots.pop(key, None)
            case ["times", bytes(digest), int(used), int(verified)]:
                txn.times.put(digest, used, verified)
            case _:
                raise FormatError("a record of no known kind")

    def _ours(self, record: Realisation) -> Realisation:
        """Return a record that another store's index or record file has: not built here, whatever
        it says."""
        if record.origin.built_here and self._teller not in (None, self.identity):
            return replace(record, origin=KEPT)
        return record
