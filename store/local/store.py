"""The store: the one place that orders object data on disk before the index says so."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from store import digest
from store.errors import (
    CorruptObject,
    FormatError,
    NotOwner,
    StorageError,
    StoreReadOnly,
    UnknownObject,
    quoted,
    storage_error,
)
from store.index.env import Index
from store.index.schema import ObjectEntry
from store.layout import opening
from store.layout.paths import Layout
from store.local.holding import Holding, Lease
from store.local.realisations import Realisations
from store.model.names import ObjectId
from store.objects.presence import looks_intact
from store.system.durable import sync_folder
from store.system.locks import DirectoryLock, Lock, LockFile, SharedLocks, make_held

if TYPE_CHECKING:
    from store.index.writing import Writer
    from store.model.manifest import Manifest
    from store.system.removing import Watch

__all__ = ["Lease", "Store", "make_directories"]

RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 0.05

_NEW_LOG = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class Store(Realisations, Holding):
    """A store at a physical root. Reading needs no ownership; writing does."""

    def __init__(self, layout: Layout, index: Index) -> None:
        Realisations.__init__(self, index)
        Holding.__init__(self, layout, index)
        self._locks = LockFile(f"{layout.locks}/keys")
        self._work: dict[str, tuple[DirectoryLock, SharedLocks]] = {}
        self._renewed: list[tuple[str, DirectoryLock]] = []

    @classmethod
    def open(cls, root: str, *, collecting: bool = False) -> Store:
        """Return the store at ``root``, made when there is none. With ``collecting``, the disk
        reserve may be used.

        Raises NotOwner, StoreReadOnly, StoreFull, NetworkFileSystem, SchemaMismatch, Busy, or
        CorruptObject when the index is damaged, or missing while there are objects; StorageError
        where none can be.
        """
        layout = Layout(root)
        if not _is_folder(layout.index):
            _check_place(root)
        owner = opening.owner_of(layout)
        if owner is None or not _is_folder(layout.index):
            make_directories(layout)
            owner = os.geteuid()
        opening.check_files(layout, owner)
        if owner == os.geteuid():
            opening.settle(layout)
        if _is_empty(f"{layout.index}/data.mdb") and _holds_any(layout.objects):
            # An empty one would say that nothing of this is needed.
            raise CorruptObject(
                f"the index in {layout.index} is missing",
                hint="`store index rebuild` makes it anew from the store directory",
            )
        index = Index.open(
            layout.index, spending=collecting, record_file=layout.records, owner=owner
        )
        if not all(map(os.path.lexists, layout.directories)):
            # A copy may lack empty ones. A user that may only read, or has no room, reads without
            # them.
            with contextlib.suppress(StorageError):
                index.check_writable()
                make_directories(layout)
        if os.path.lexists(layout.links):
            from store.local.upgrade import remove_links

            remove_links(layout, index)
        return cls(layout, index)

    @property
    def index(self) -> Index:
        """The index itself, for work on all of the store at once."""
        return self._index

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    # -- presence -----------------------------------------------------------------------------

    def present(self, oid: ObjectId) -> bool:
        """Return whether the object is in the index and on disk, with nothing amiss at first
        sight."""
        with self._index.read() as txn:
            known = txn.objects.has(oid)
        return known and looks_intact(self.layout.object(oid))

    def lost(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """Return the objects among those given, and all that they refer to, that the index knows
        and the disk does not hold, or not as they were stored."""
        with self._index.read() as txn:
            names = [
                name
                for name, _ in txn.by_number.listing(
                    txn.graph.reached(filter(txn.objects.has, tuple(oids)))
                )
            ]
        objects = self.layout.objects
        return [ObjectId.parse(name) for name in names if not looks_intact(f"{objects}/{name}")]

    def objects(self) -> list[tuple[ObjectId, int]]:
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
        return tuple(name for name, _ in self.listing(oids))

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
            return Manifest.decode(read_record(self.layout.manifest(oid))[0])
        except FileNotFoundError:
            raise UnknownObject(f"this store has no manifest of {oid}") from None
        except OSError as error:
            raise CorruptObject(
                f"the manifest of {oid} cannot be read: {error.strerror}",
                hint="`store verify --repair` writes it anew",
            ) from error

    def check_object(self, oid: ObjectId) -> list[str]:
        """Return the faults of the object on disk, one line a finding; empty when there are
        none."""
        from store.objects.check import check_object

        return [str(finding) for finding in check_object(self.layout.root, self.manifest(oid))]

    # -- writing ------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """NotOwner or StoreReadOnly, unless this process may write here."""
        self._index.check_writable()

    def add(self, path: str, name: str, lease: Lease | None = None) -> ObjectId:
        """Ingest a file or tree of the user's; returns its identity.

        In a store that this process may not write to, that succeeds for an object that is there.
        """
        from store.index.content_table import ContentTable
        from store.objects import ingest

        try:
            self.check_writable()
        except (StoreReadOnly, NotOwner):
            oid = _identify(path, name)
            if not self.present(oid):
                raise
            return oid
        with self.claims() as claims:
            manifest = ingest.ingest(
                self.layout.root,
                path,
                name,
                claims=claims,
                holders=ContentTable(self.layout.index),
                reserve=self.disk_reserve(),
            )
            self.register_objects([manifest], lease)
        return manifest.id

    def register_objects(self, manifests: Iterable[Manifest], lease: Lease | None = None) -> int:
        """Make objects that lie on disk, synced, visible in one transaction, in whatever order;
        returns how many were not before. Their references are registered, or among them."""
        entries = [ObjectEntry(m.id, m.references, m.refers_to_itself, m.size) for m in manifests]

        def transaction(txn: Writer) -> int:
            if lease is not None:
                lease.add_within(txn, [entry.id for entry in entries])
            return txn.objects.register_all(entries)

        return self._index.write(transaction)

    @contextlib.contextmanager
    def claims(self) -> Iterator[SharedLocks]:
        """For objects that are put in place within, and registered before the end: until then, the
        collector leaves them alone."""
        claims = SharedLocks(self.layout.claims)
        try:
            yield claims
        finally:
            claims.release()

    def try_lock(self, position: int) -> Lock | None:
        """Return the right to work on the key whose lock stands at ``position``, unless it is
        taken."""
        return self._locks.try_lock(position)

    def free_bytes(self) -> int:
        """Return bytes that are free for this user where the store is."""
        disk = os.statvfs(self.layout.root)
        return disk.f_bavail * disk.f_frsize

    def disk_reserve(self) -> int:
        """Return bytes that whatever fills the store must leave free on its disk."""
        disk = os.statvfs(self.layout.root)
        return min(RESERVE_BYTES, int(disk.f_blocks * disk.f_frsize * RESERVE_SHARE))

    # -- work folders and logs ----------------------------------------------------------------

    def make_work(self, *, renewed: bool = False) -> str:
        """Return a fresh work folder, held by this process and the workers that it forks.

        For a build, one will do that was ``renewed`` after an earlier build.
        """
        if renewed and self._renewed:
            path, hold = self._renewed.pop()
        else:
            path, hold = make_held(self.layout.tmp, "work-")
        self._work[path] = hold, SharedLocks(self.layout.claims)
        return path

    def hold_of(self, work: str) -> DirectoryLock:
        """Return the hold of a work folder, for the process that works in it."""
        return self._work[work][0]

    def claims_of(self, work: str) -> SharedLocks:
        """Return the claims of objects made in a work folder; released when the folder is
        removed."""
        return self._work[work][1]

    def remove_work(self, path: str, *, renewed: bool = False, watch: Watch | None = None) -> None:
        """Remove a work folder, whatever a builder left in it, if it is still there. One that was
        ``renewed`` is kept for another build, until :meth:`remove_renewed_work`.

        A part that cannot be removed now is taken for abandoned from here on.
        """
        if path not in self._work:
            return
        hold, claims = self._work.pop(path)
        claims.release()
        if renewed:
            self._renewed.append((path, hold))
        else:
            _remove_held(path, hold, watch)

    def remove_renewed_work(self) -> None:
        """Remove the work folders that were kept for other builds."""
        while self._renewed:
            _remove_held(*self._renewed.pop())

    def remove_stale_work(self, watch: Watch | None = None) -> None:
        """Remove the leftovers of ended processes in ``tmp/``."""
        from store.system import removing

        for name in os.listdir(self.layout.tmp):
            if name.startswith(("work-", "object-")):
                # Held while it is removed: two processes must not sweep the same folder. A folder
                # that is held, missing, or cannot be removed is left for another time.
                with contextlib.suppress(OSError):
                    hold = DirectoryLock(f"{self.layout.tmp}/{name}")
                    with contextlib.suppress(OSError):
                        removing.remove(f"{self.layout.tmp}/{name}", watch)
                    hold.release()

    def start_log(self, key: bytes) -> str:
        """Return the path of a new, empty log for this key. StoreFull, or StorageError."""
        path = self.layout.log(key)
        # A new inode: a reader that follows the former log must not see two builds mixed.
        self.check_writable()
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.close(os.open(path, _NEW_LOG, 0o644))
        except OSError as error:
            raise storage_error(error, "cannot begin a log") from error
        return path


def _identify(path: str, name: str) -> ObjectId:
    """Return the object that a file or tree would be, made in a store that lives as long as this
    call."""
    import tempfile

    from store.objects import ingest

    with tempfile.TemporaryDirectory(prefix="fixpoint-") as root:
        make_directories(Layout(root))
        return ingest.ingest(root, path, name).id


def _remove_held(path: str, hold: DirectoryLock, watch: Watch | None = None) -> None:
    from store.system import removing

    with contextlib.suppress(OSError):
        removing.remove(path, watch)
    hold.release()


def _check_place(root: str) -> None:
    try:
        root.encode()
    except UnicodeEncodeError:
        raise StorageError(
            f"no store can be at {quoted(os.fsencode(root))}: LMDB takes paths in UTF-8 alone",
            hint="choose another place with --root or $STORE_ROOT",
        ) from None
    above = Layout(os.path.dirname(os.path.realpath(root)))
    if os.path.realpath(root) == above.objects and _is_folder(above.index):
        raise StorageError(
            f"{root} is where the store {above.root} has its objects",
            hint=f"--root {above.root} is that store",
        )


def make_directories(layout: Layout) -> None:
    """The folders of a new store; the index's is the last, as it tells that all are there."""
    folders = [path for path in layout.directories if path != layout.index]
    above = os.path.dirname(layout.root)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    try:
        os.makedirs(layout.root, 0o755, exist_ok=True)
        opening.take(layout)
        for path in folders:
            os.makedirs(path, 0o700 if path in layout.private else 0o755, exist_ok=True)
        sync_folder(layout.root)
        os.makedirs(layout.index, 0o755, exist_ok=True)
        sync_folder(layout.root)
        _sync_above(layout.root, above)
    except OSError as error:
        raise storage_error(error, f"cannot make a store at {layout.root}") from error


def _is_folder(path: str) -> bool:
    """Return whether one is there; a StorageError when that is not for this user to see."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise storage_error(error, "cannot look into the store") from error


def _holds_any(folder: str) -> bool:
    try:
        return bool(os.listdir(folder))
    except FileNotFoundError:
        return False


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True


def _sync_above(path: str, last: str) -> None:
    """Wait until the names of ``path`` and of the new folders above it, below ``last``, last."""
    while path != last:
        path = os.path.dirname(path)
        with contextlib.suppress(PermissionError):  # not ours to read, so not made by us
            sync_folder(path)
