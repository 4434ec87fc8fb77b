"""Taking objects out of the store: the index forgets them, then they leave the store directory.

Each of the two has a lock of its own, which is let go of in between. So a process that waits for
one waits neither for both nor for long. A process that finds an object in place after the index has
forgotten it claims it, and registers it again: it stays then. An object that a kill leaves between
the two is on disk and not in the index, and taken out by :meth:`ObjectRemoval.sweep`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from store.display import reason
from store.errors import FormatError, InvalidName, StoreError, storage_error
from store.index.reading import Reader
from store.index.schema import ObjectEntry
from store.index.writing import Writer
from store.layout.paths import Layout
from store.local.in_place import InPlace, unlink_in_place
from store.local.store import Store
from store.local.swaps import clear_swaps
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_record
from store.objects.placing import IMMOVABLE, exclusive, swapped
from store.system.durable import move, sync_folder
from store.system.locks import SharedLocks, make_held

AIM = 0.02
"""Seconds for which a batch means to keep others waiting, the commit's wait for the disk included:
as many objects go into one as the last ones had time for."""

BATCH_SECONDS = 0.01
"""How long a transaction goes on at most before its commit."""

MOVE_SECONDS = 0.005
"""How long objects are moved with the lock in hand before others have their turn."""

FIRST, LEAST = 32, 8
"""Objects in the first batch, and in any."""

RUN = "gc-"
"""How the folders below ``trash/`` begin that objects are moved to."""


@dataclass
class Batch:
    """``taken`` objects left the store; ``done`` of the candidates were looked at. ``held`` are the
    seconds for which others may have waited at a stretch; ``began``, when the index was locked.
    ``refused`` are those that the system would not let go of, and why: they are known again."""

    taken: list[ObjectId] = field(default_factory=list)
    refused: list[tuple[ObjectId, str]] = field(default_factory=list)
    done: int = 0
    held: float = 0.0
    began: float = field(default_factory=time.monotonic)


@dataclass
class Way:
    """The result for objects that were to leave: ``left`` did, ``refused`` could not, and why;
    ``kept`` stay with them, as they need them. ``held`` is the longest stretch in seconds."""

    left: list[ObjectId] = field(default_factory=list)
    refused: list[tuple[ObjectId, str]] = field(default_factory=list)
    kept: list[Manifest] = field(default_factory=list)
    held: float = 0.0


class ObjectRemoval:
    """One run's way out of the store: a folder below ``trash/``, held until :meth:`close`.

    ``in_place`` are folders that could not be moved there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout = store.layout
        self._index = store.index
        try:
            self.folder, self._hold = make_held(self._layout.trash, RUN)
            for name in ("objects", "manifests"):
                os.mkdir(f"{self.folder}/{name}", 0o700)
        except OSError as error:
            raise storage_error(error, "cannot make a folder for deleted objects") from error
        self._claims = SharedLocks(self._layout.claims)
        self._most = FIRST
        self.in_place = InPlace(self._layout)
        self._stayed: list[tuple[str, str]] = []

    def close(self) -> None:
        """Let go of the folder, and remove it when it is empty."""
        with contextlib.suppress(OSError):
            for path in (f"{self.folder}/objects", f"{self.folder}/manifests", self.folder):
                os.rmdir(path)
        self._claims.release()
        self._hold.release()

    def take(self, candidates: Sequence[int], live: Callable[[Writer], bytearray]) -> Batch:
        """Take out as many of the objects with these numbers as a short transaction can.

        Candidates come before their references. ``live`` says, within the transaction, which are
        alive by now: a byte for each number, all that is below a live object marked too.
        """
        try:
            batch = self._index.write(lambda txn: self._forget(txn, candidates, live))
            batch.held = time.monotonic() - batch.began
            self._most = next_size(self._most, batch.held)
            way = self._leave(batch.taken)
            # An object that stays is whole, and needs its references: the index says so again.
            self._know_again(way.kept)
        finally:
            self._claims.clear()
        batch.taken, batch.refused = way.left, way.refused
        batch.held = max(batch.held, way.held)
        return batch

    def _know_again(self, kept: Sequence[Manifest]) -> None:
        entries = [ObjectEntry(m.id, m.references, m.refers_to_itself, m.size) for m in kept]
        if entries:
            self._index.write(lambda txn: txn.objects.register_all(entries))

    def _forget(
        self, txn: Writer, candidates: Sequence[int], live: Callable[[Writer], bytearray]
    ) -> Batch:
        batch = Batch()
        marks = live(txn)
        for number in candidates:
            batch.done += 1
            if marks[number]:
                continue
            oid = txn.by_number.id(number)
            if self._claims.taken(oid.digest):
                # Somebody found it in place and is about to register it.
                txn.graph.spread([number], marks)
                continue
            # So that a check of the store does not take it for a stray until it has left.
            self._claims.add(oid.digest)
            txn.objects.unregister(number)
            batch.taken.append(oid)
            if len(batch.taken) >= self._most or time.monotonic() - batch.began > BATCH_SECONDS:
                break
        return batch

    def sweep(self, names: Iterable[str]) -> Way:
        """Take out those of the named objects (or lone manifests) that the index does not know,
        and nobody is about to tell it of."""
        return self._leave([oid for oid in map(parsed, names) if oid is not None])

    def _leave(self, oids: Sequence[ObjectId]) -> Way:
        """Move what the index does not know by now, in portions; referrers before what they need,
        as what cannot leave keeps all of that."""
        way = Way()
        needed: set[ObjectId] = set()
        at = 0
        while at < len(oids):
            with exclusive(self._layout):
                began = time.monotonic()
                while at < len(oids):
                    portion = oids[at : at + LEAST]
                    for oid in self._unknown(portion):
                        self._let_go(oid, way, needed)
                    at += len(portion)
                    if time.monotonic() - began > MOVE_SECONDS:
                        break
                way.held = max(way.held, time.monotonic() - began)
        return way

    def _let_go(self, oid: ObjectId, way: Way, needed: set[ObjectId]) -> None:
        if oid not in needed:
            try:
                self._move(oid)
                way.left.append(oid)
                return
            except OSError as error:
                way.refused.append((oid, f"{self._layout.object(oid)}: {reason(error)}"))
        with contextlib.suppress(OSError, StoreError):
            manifest = Manifest.decode(read_record(self._layout.manifest(oid))[0])
            way.kept.append(manifest)
            needed.update(manifest.references)

    def _unknown(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        # Claims first: one that has been released since would be of an object that the snapshot
        # knows. None is added meanwhile: a claimer is alone, as we are.
        free = [oid for oid in oids if not self._claims.taken(oid.digest)]
        with self._index.read() as txn:
            return [oid for oid in free if not txn.objects.has(oid)]

    def clear_swaps(self, oids: Iterable[ObjectId]) -> None:
        """Take out what killed swaps of these objects left."""
        clear_swaps(self._store, oids, f"{self.folder}/objects")

    def _move(self, oid: ObjectId) -> None:
        """Move an object out, or mark it as none; raises OSError when neither can be, and leaves it
        as it was."""
        path = self._layout.object(oid)
        with contextlib.suppress(FileNotFoundError):
            try:
                move(path, f"{self.folder}/objects/{oid}")
            except OSError as error:
                if error.errno not in IMMOVABLE:
                    raise
                self.in_place.mark(path)
        manifest = f"{self._layout.manifests}/{oid}"
        try:
            os.rename(manifest, f"{self.folder}/manifests/{oid}")
        except FileNotFoundError:
            pass  # the object was damaged
        except OSError as error:
            self._stayed += unlink_in_place(manifest, error)

    def remove_in_place(self) -> list[tuple[str, str]]:
        """Remove objects that could not be moved, in their place; returns the paths that stay, with
        reasons."""
        refused, self._stayed = self._stayed, []
        return refused + self.in_place.remove()

    def sync(self) -> None:
        """Wait until the moves are on disk. Only then may moved objects be removed: after a power
        cut, nothing half-removed may be in the store directory."""
        for path in (self._layout.objects, self._layout.manifests, self.folder):
            sync_folder(path)


def next_size(size: int, held: float) -> int:
    """Return objects in the next batch, after one of ``size`` has kept others waiting for ``held``
    seconds. A slow disk makes them smaller at once; they grow again little by little."""
    if held > AIM:
        return max(LEAST, int(size * max(AIM / held, 0.5)))
    return size + max(1, size // 8)


def parsed(name: str) -> ObjectId | None:
    """Return the identity that a file's name gives; None when it is not one."""
    try:
        return ObjectId.parse(name)
    except (FormatError, InvalidName):
        return None


@dataclass(frozen=True)
class Unregistered:
    """``names`` in ``store/`` and ``manifests/`` of objects that the index does not know, and the
    objects of which a swap goes on or was killed."""

    names: list[str]
    swapped: list[ObjectId]


def unregistered(layout: Layout, txn: Reader) -> Unregistered:
    """Yield entries of the store directory that are no objects of the index."""
    objects = os.listdir(layout.objects)
    ids = map(parsed, txn.objects.unknown({*objects, *os.listdir(layout.manifests)}))
    names = sorted(str(oid) for oid in ids if oid is not None and not txn.objects.has(oid))
    return Unregistered(names, sorted(swapped(objects)))
