"""The objects of the store: looking at them, and adding more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from store import digest
from store.errors import CorruptObject, FormatError, NotOwner, StoreReadOnly, UnknownObject
from store.index.env import Index
from store.index.schema import ObjectEntry
from store.layout.paths import Layout
from store.local.disk import DiskSpace
from store.model.names import ObjectId
from store.objects.presence import looks_intact
from store.system.locks import SharedLocks

if TYPE_CHECKING:
    from store.index.writing import Writer
    from store.local.leases import Lease
    from store.model.manifest import Manifest


class Objects:
    """Asking the index and the disk of objects, and adding some."""

    def __init__(self, layout: Layout, index: Index, disk: DiskSpace) -> None:
        self._layout = layout
        self._index = index
        self._disk = disk
        self._names: dict[int, str] = {}  # by number: no number is ever given to another object

    def present(self, oid: ObjectId) -> bool:
        """Return whether the object is in the index and on disk, with nothing amiss at first
        sight."""
        with self._index.read() as txn:
            known = txn.objects.has(oid)
        return known and looks_intact(self._layout.object(oid))

    def lost(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """Return objects that the index knows, and that the disk does not hold, or not as they were
        stored; of these, and all that they refer to."""
        with self._index.read() as txn:
            names = [
                name
                for name, _ in txn.by_number.listing(
                    txn.graph.reached(filter(txn.objects.has, tuple(oids)))
                )
            ]
        objects = self._layout.objects
        return [ObjectId.parse(name) for name in names if not looks_intact(f"{objects}/{name}")]

    def all(self) -> list[tuple[ObjectId, int]]:
        """Return every object with its size in bytes, by digest."""
        with self._index.read() as txn:
            return list(txn.objects.all())

    def find(self, prefix: str) -> list[ObjectId]:
        """Return the objects whose digest's text begins with ``prefix``."""
        try:
            first, last = (
                digest.from_text(prefix.ljust(digest.TEXT_SIZE, filler))
                for filler in (digest.ALPHABET[0], digest.ALPHABET[-1])
            )
        except FormatError:
            return []
        with self._index.read() as txn:
            return txn.objects.beginning(first, last)

    def closure(self, oids: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
        """Return the objects and everything they refer to; UnknownObject if one is not in the
        index."""
        with self._index.read() as txn:
            return tuple(txn.graph.closure(oids))

    def closure_names(self, oids: Iterable[ObjectId]) -> tuple[str, ...]:
        """Return as :meth:`closure`, but of each its ``<digest>-<name>``: fast for a call for every
        build."""
        known = self._names
        with self._index.read() as txn:
            numbers = txn.graph.reached(oids)
            fresh = [number for number in numbers if number not in known]
            known.update(zip(fresh, txn.by_number.names(fresh), strict=True))
        # Texts have the order of digests.
        return tuple(sorted(map(known.__getitem__, numbers)))

    def referrers_closure(self, oids: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
        """Return the objects and everything that refers to them."""
        with self._index.read() as txn:
            return tuple(txn.graph.referrers_closure(oids))

    def listing(
        self, oids: Iterable[ObjectId], *, referrers: bool = False
    ) -> list[tuple[str, int]]:
        """Return as :meth:`closure`, or :meth:`referrers_closure`, to be shown: of each its
        ``<digest>-<name>`` and its size in bytes, by digest."""
        with self._index.read() as txn:
            found = txn.graph.reaching(oids) if referrers else txn.graph.reached(oids)
            return txn.by_number.listing(found)

    def references(self, oid: ObjectId) -> tuple[ObjectId, ...]:
        """Return the objects that one names directly, itself left out."""
        with self._index.read() as txn:
            return tuple(txn.graph.references(oid))

    def referrers(self, oid: ObjectId) -> tuple[ObjectId, ...]:
        """Return the objects that name one directly."""
        with self._index.read() as txn:
            return tuple(txn.graph.referrers(oid))

    def total_size(self, oids: Iterable[ObjectId]) -> int:
        """Return bytes of all the objects, shared files counted each time."""
        with self._index.read() as txn:
            return sum(txn.objects.record(oid).size for oid in oids)

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the object's manifest; UnknownObject, CorruptObject or FormatError."""
        from store.model.manifest import Manifest
        from store.objects.content import read_record

        try:
            return Manifest.decode(read_record(self._layout.manifest(oid))[0])
        except FileNotFoundError:
            raise UnknownObject(f"this store has no manifest of {oid}") from None
        except OSError as error:
            raise CorruptObject(
                f"the manifest of {oid} cannot be read: {error.strerror}",
                hint="`store verify --repair` writes it anew",
            ) from error

    def check(self, oid: ObjectId) -> list[str]:
        """Return the faults of the object on disk, one line a finding; empty when there are
        none."""
        from store.objects.tree_check import check_object

        return [str(finding) for finding in check_object(self._layout.root, self.manifest(oid))]

    def add(
        self,
        path: str,
        name: str,
        lease: Lease | None = None,
        candidates: Sequence[ObjectId] = (),
    ) -> ObjectId:
        """Ingest a file or tree of the user's, which may refer to the ``candidates``; returns its
        identity.

        In a store that this process may not write to, that succeeds for an object that is there.
        """
        from store.index.content_table import ContentTable
        from store.objects import ingest

        try:
            self._index.check_writable()
        except (StoreReadOnly, NotOwner):
            oid = _identify(path, name, candidates)
            if not self.present(oid):
                raise
            return oid
        with SharedLocks(self._layout.claims) as claims:
            manifest = ingest.ingest(
                self._layout.root,
                path,
                name,
                candidates=candidates,
                claims=claims,
                holders=ContentTable(self._layout.index),
                reserve=self._disk.reserve(),
            )
            self.register([manifest], lease)
        return manifest.id

    def register(self, manifests: Iterable[Manifest], lease: Lease | None = None) -> int:
        """Make objects that lie on disk, synced, visible in one transaction, in whatever order;
        returns how many were not before. Their references are registered, or among them."""
        entries = [ObjectEntry(m.id, m.references, m.refers_to_itself, m.size) for m in manifests]

        def transaction(txn: Writer) -> int:
            if lease is not None:
                lease.add_within(txn, [entry.id for entry in entries])
            return txn.objects.register_all(entries)

        fresh = self._index.write(transaction)
        if lease is not None:
            lease.note(entry.id for entry in entries)
        return fresh


def _identify(path: str, name: str, candidates: Sequence[ObjectId]) -> ObjectId:
    """Return the object that a file or tree would be, made in a store that lives as long as this
    call."""
    import tempfile

    from store.local.directories import make_directories
    from store.objects import ingest

    with tempfile.TemporaryDirectory(prefix="fixpoint-") as root:
        make_directories(Layout(root))
        return ingest.ingest(root, path, name, candidates=candidates).id
