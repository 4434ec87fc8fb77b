"""The store: the one place that orders object data on disk before the index says so."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterable, Iterator, Sequence

from store import digest
from store.build import cleaning
from store.errors import (
    NotOwner,
    StorageError,
    StoreReadOnly,
    UnknownObject,
    UsageError,
    storage_error,
)
from store.index.env import Index
from store.index.tables import Writer
from store.layout import Layout
from store.locks import Hold, Lock, LockFile, make_held
from store.model.derivation import Derivation, Resolved, Source
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Result
from store.objects.check import check_object, looks_intact

RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 0.05


class Store:
    """A store at a physical root. Reading needs no ownership; writing does."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self.layout = layout
        self._index = index
        self._locks = LockFile(f"{layout.locks}/keys")
        self._outcomes: dict[bytes, bytes] = {}
        self._work: dict[str, Hold] = {}

    @classmethod
    def open(cls, root: str) -> Store:
        """The store at ``root``, made when there is none.

        Raises NotOwner, StoreReadOnly, StoreFull, NetworkFileSystem or SchemaMismatch.
        """
        layout = Layout(root)
        if not os.path.isdir(layout.index):
            make_directories(layout)
        return cls(layout, Index.open(layout.index))

    # -- what is there ------------------------------------------------------------------------

    def present(self, oid: ObjectId) -> bool:
        """Whether the object is in the index and on disk, with nothing amiss at first sight."""
        with self._index.read() as txn:
            known = txn.has(oid)
        return known and looks_intact(self.layout.object(oid))

    def objects(self) -> list[tuple[ObjectId, int]]:
        """Every object with its size in bytes, by digest."""
        with self._index.read() as txn:
            return list(txn.objects())

    def find(self, prefix: str) -> list[ObjectId]:
        """The objects whose digest's text begins with ``prefix``."""
        return [oid for oid, _ in self.objects() if oid.text.startswith(prefix)]

    def closure(self, oids: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
        """The objects and everything they refer to; UnknownObject if one is not in the index."""
        with self._index.read() as txn:
            return tuple(txn.closure(oids))

    def referrers_closure(self, oids: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
        """The objects and everything that refers to them."""
        with self._index.read() as txn:
            return tuple(txn.referrers_closure(oids))

    def references(self, oid: ObjectId) -> tuple[ObjectId, ...]:
        """The objects that one names directly, itself left out."""
        with self._index.read() as txn:
            return tuple(txn.references(oid))

    def referrers(self, oid: ObjectId) -> tuple[ObjectId, ...]:
        """The objects that name one directly."""
        with self._index.read() as txn:
            return tuple(txn.referrers(oid))

    def total_size(self, oids: Iterable[ObjectId]) -> int:
        """Bytes of all the objects, shared files counted each time."""
        with self._index.read() as txn:
            return sum(txn.object(oid).size for oid in oids)

    def manifest(self, oid: ObjectId) -> Manifest:
        """The object's manifest; UnknownObject or FormatError."""
        try:
            with open(f"{self.layout.manifests}/{oid}", "rb") as stream:
                return Manifest.decode(stream.read())
        except FileNotFoundError:
            raise UnknownObject(f"this store has no manifest of {oid}") from None

    def check_object(self, oid: ObjectId) -> list[str]:
        """What is wrong with the object on disk, one line a finding; empty when nothing is."""
        return [str(finding) for finding in check_object(self.layout.root, self.manifest(oid))]

    # -- realisations -------------------------------------------------------------------------

    def outcome(self, node: bytes) -> bytes | None:
        """The key that a node was last resolved to: a cache, which may be dropped."""
        with self._index.read() as txn:
            return self._outcomes.get(node) or txn.outcome(node)

    def note_outcome(self, node: bytes, key: bytes) -> None:
        """Remember a node's key; written by :meth:`flush_outcomes`."""
        self._outcomes[node] = key

    def flush_outcomes(self) -> None:
        """Write the outcomes noted; a store that cannot be written to does without."""
        outcomes, self._outcomes = self._outcomes, {}
        if outcomes:
            with contextlib.suppress(StoreReadOnly, NotOwner):
                self._index.write(lambda txn: txn.put_outcomes(outcomes))

    def realised(self, key: bytes, outputs: Sequence[str]) -> dict[str, ObjectId] | None:
        """One object an output, those present first, then the oldest; None unless all are known."""
        found = {}
        with self._index.read() as txn:
            for output in outputs:
                records = sorted(txn.realisations(key, output), key=lambda item: item.started)
                if not records:
                    return None
                present = [item for item in records if txn.has(item.object)]
                found[output] = (present or records)[0].object
        return found

    def realisations(self, key: bytes, output: str) -> list[Realisation]:
        """Every record for a key's output, the oldest first."""
        with self._index.read() as txn:
            return sorted(txn.realisations(key, output), key=lambda item: item.started)

    def every_realisation(self) -> list[Realisation]:
        """Every record that this store has, by key and output."""
        with self._index.read() as txn:
            return list(txn.every_realisation())

    def makers(self, oid: ObjectId) -> list[Realisation]:
        """The realisations that say this object was made, newest first."""
        with self._index.read() as txn:
            return sorted(txn.makers(oid), key=lambda item: -item.started)

    def maker(self, oid: ObjectId) -> Realisation:
        """The newest of :meth:`makers`; UnknownObject when it was only added."""
        makers = self.makers(oid)
        if not makers:
            raise UnknownObject(f"{oid} was not built by this store")
        return makers[0]

    def node(self, digest: bytes) -> Source | Derivation | Resolved:
        """What was recorded under a node's digest or key; UnknownObject otherwise."""
        with self._index.read() as txn:
            value = txn.node(digest)
        if value is None:
            raise UnknownObject(f"this store has no derivation {digest.hex()}")
        return value

    def expected_seconds(self, name: str) -> float | None:
        """The median of the time that earlier builds of this name took here."""
        with self._index.read() as txn:
            durations = sorted(txn.history(name))
        return durations[len(durations) // 2] / 1000 if durations else None

    def source_verified(self, sha256: str, locators: Sequence[str]) -> bool:
        """Whether one of the locators was seen to yield this hash."""
        with self._index.read() as txn:
            return any(txn.verified_source(sha256, locator) for locator in locators)

    # -- writing ------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """NotOwner or StoreReadOnly, unless this process may write here."""
        self._index.check_writable()

    def add(self, path: str, name: str) -> ObjectId:
        """Ingest a file or tree of the user's; returns its identity."""
        from store.objects import ingest

        self.check_writable()
        manifest = ingest.ingest(self.layout.root, path, name)
        self._index.write(
            lambda txn: txn.register(
                manifest.id, manifest.references, manifest.refers_to_itself, manifest.size
            )
        )
        return manifest.id

    def register(
        self,
        node: bytes,
        key: bytes,
        value: Source | Resolved,
        result: Result,
        lease: Lease | None = None,
    ) -> None:
        """Make what a worker put on disk visible, in one transaction with its realisations."""
        records = [
            Realisation(
                key,
                made.output,
                made.id,
                _user(),
                os.uname().nodename,
                result.level,
                result.log,
                result.started,
                round(result.seconds * 1000),
                result.max_rss,
            )
            for made in result.outputs
        ]

        def transaction(txn: Writer) -> None:
            for made in result.outputs:
                txn.register(made.id, made.references, made.refers_to_itself, made.size)
            for record in records:
                txn.add_realisation(record)
            txn.put_outcomes({node: key})
            txn.add_history(value.name, round(result.seconds * 1000))
            if isinstance(value, Source) and result.locator:
                txn.add_verified_source(value.sha256, result.locator, result.started)

        self._index.write(transaction)
        if lease is not None:
            lease.add(made.id for made in result.outputs)

    def record_nodes(self, *values: Source | Derivation | Resolved | None) -> None:
        """Keep what nodes are, so that they can be shown without their recipes."""
        nodes = [value for value in values if value is not None]
        self._index.write(lambda txn: txn.put_nodes(nodes))

    def link_root(self, path: str, oid: ObjectId) -> None:
        """Make (or replace) the link ``path`` to the object, and a root of it."""
        target = self.layout.object(oid)
        if os.path.lexists(path) and not os.path.islink(path):
            raise UsageError(f"{path} exists, and is not a link that could be replaced")
        # By digest: a path may be longer than a key of the index.
        name = digest.to_text(digest.file_digest(os.fsencode(path))[: digest.OBJECT_DIGEST_SIZE])
        self._index.write(lambda txn: txn.put_root(f"link:{name}", oid, path))
        fresh = f"{path}.{os.getpid()}.new"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            os.symlink(target, fresh)
            os.replace(fresh, path)
        except OSError as error:
            raise StorageError(f"cannot make the link {path}: {error.strerror}") from error

    @contextlib.contextmanager
    def lease(self) -> Iterator[Lease]:
        """Objects in use by this process, which the collector must not take."""
        lease = Lease(self._index)
        try:
            yield lease
        finally:
            lease.end()

    def try_lock(self, position: int) -> Lock | None:
        """The right to work on the key whose lock stands at ``position``, unless it is taken."""
        return self._locks.try_lock(position)

    def disk_reserve(self) -> int:
        """Bytes that builds must leave free where the store is."""
        disk = os.statvfs(self.layout.root)
        return min(RESERVE_BYTES, int(disk.f_blocks * disk.f_frsize * RESERVE_SHARE))

    # -- work folders and logs ----------------------------------------------------------------

    def make_work(self) -> str:
        """A fresh work folder, held by this process and the workers that it forks."""
        path, hold = make_held(self.layout.tmp, "work-")
        self._work[path] = hold
        return path

    def remove_work(self, path: str) -> None:
        """Remove a work folder, whatever a builder left in it, if it is still there."""
        hold = self._work.pop(path)
        cleaning.remove(path)
        hold.release()

    def remove_stale_work(self) -> None:
        """Remove what processes that are gone left in ``tmp/``."""
        for name in os.listdir(self.layout.tmp):
            if name.startswith(("work-", "object-")):
                # Held while it is removed: two processes must not sweep the same folder.
                with contextlib.suppress(BlockingIOError, FileNotFoundError):
                    hold = Hold(f"{self.layout.tmp}/{name}")
                    cleaning.remove(f"{self.layout.tmp}/{name}")
                    hold.release()

    def start_log(self, key: bytes) -> str:
        """The path of a new, empty log for this key."""
        path = self.layout.log(key)
        # A new inode: who follows the former log must not see two builds mixed.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        return path


class Lease:
    """The objects that one process uses. It ends with the process, if not before."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._token: bytes | None = None
        self._held: set[ObjectId] = set()

    def add(self, oids: Iterable[ObjectId]) -> None:
        """Hold more objects."""
        fresh = set(oids) - self._held
        if fresh:
            self._held |= fresh
            held = sorted(self._held)
            self._token = self._index.write(lambda txn: txn.put_lease(self._token, held))

    def end(self) -> None:
        """Hold nothing any more."""
        token, self._token = self._token, None
        if token is not None:
            self._index.write(lambda txn: txn.end_lease(token))


def make_directories(layout: Layout) -> None:
    """The folders of a new store."""
    try:
        for path in (layout.root, *layout.directories):
            os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"cannot make a store at {layout.root}") from error


def _user() -> str:
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
