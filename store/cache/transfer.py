"""Putting objects together from what caches send and this store has, up to their places in the
store directory. The index is another process's."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from store.cache.head_search import CacheNotes, HeadSearch, Missing
from store.cache.offering import ObjectOffers
from store.cache.pull_folder import PullFolder
from store.cache.receiving import Receiver, RunToTake
from store.cache.staged_pull import DiskRoom, StagedPull, StoredFile
from store.errors import CorruptObject, StoreError
from store.index.content_table import ContentTable
from store.index.schema import ObjectEntry
from store.job_errors import CacheUnusable
from store.layout.paths import Layout
from store.model.file_tree import Node
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.contents import content_of, contents
from store.objects.finishing import sync_paths
from store.objects.placing import place_all
from store.objects.staged import TOP, Content
from store.objects.writeback import written_back
from store.system import owned
from store.system.locks import SharedLocks


@dataclass
class Transferred:
    """``entries`` are those of objects that were put in place, references first, and ``roots`` the
    tops of their trees; the rest is as :class:`store.cache.pull.Pulled` has it."""

    entries: list[ObjectEntry] = field(default_factory=list)
    roots: dict[ObjectId, Node] = field(default_factory=dict)
    refused: dict[ObjectId, str] = field(default_factory=dict)
    failed: frozenset[ObjectId] = frozenset()
    damaged: list[str] = field(default_factory=list)
    unusable: dict[str, CacheUnusable] = field(default_factory=dict)
    fetched: int = 0
    written: int = 0


@dataclass(frozen=True, kw_only=True)
class TransferParts:
    """``missing`` asks the index, ``holders`` know equal files, ``claims`` keep objects in
    place until they are registered, ``reserve`` bytes of disk stay free. ``waiting`` is called
    with an object that another process pulls; ``progress`` gets the bytes until now, those of
    all, and the number of objects. No cache is asked for objects of ``without``."""

    layout: Layout
    offers: Sequence[ObjectOffers]
    missing: Missing
    holders: ContentTable
    claims: SharedLocks
    reserve: int
    waiting: Callable[[ObjectId], None]
    progress: Callable[[int, int, int], None]
    without: frozenset[ObjectId] = frozenset()


class Transfer:
    """One pull. The folders that it locked stay so until :meth:`close`: until the objects are
    registered, or nobody will do that."""

    def __init__(self, parts: TransferParts) -> None:
        self._parts: Final = parts
        self._notes = CacheNotes(parts.offers)
        self._search = HeadSearch(parts.offers, parts.missing, self._notes, parts.without)
        self._folders: dict[ObjectId, PullFolder] = {}
        self._staged: dict[ObjectId, StagedPull] = {}
        self._known: dict[Content, StoredFile] = {}
        self._refused: dict[ObjectId, str] = {}
        self._failed: set[ObjectId] = set()
        self._objects = owned.open_folder(parts.layout.objects)
        self._room = DiskRoom(self._objects, parts.reserve)
        self._fetched = 0
        self._placed: list[Manifest] = []

    def run(self, goals: Iterable[ObjectId]) -> Transferred:
        """Take the goals, and what they refer to. Raises the error of this store that prevents all
        of it; OSError."""
        self._search.search(goals)
        self._refused.update(self._search.absent)
        self._failed |= self._search.absent.keys()
        self._lock()
        for oid in self._search.order():
            if oid not in self._refused:
                self._begin(oid)
        while True:
            while any(staged.places for staged in self._staged.values()):
                self._round()
            if self._check_identities():
                return self._finish()

    def close(self) -> None:
        """Remove the folders with all that is left in them, and let go of them."""
        for folder in self._folders.values():
            folder.remove()
        self._folders.clear()
        if self._objects >= 0:
            os.close(self._objects)
            self._objects = -1

    # -- one pull of an object at a time ------------------------------------------------------

    def _lock(self) -> None:
        """Lock the folders of all objects, always in the same order. Those that another process
        has taken meanwhile are not taken again."""
        self._refuse_referrers(self._refused)
        waited = False
        for oid in sorted(self._search.found.keys() - self._refused.keys()):
            folder = PullFolder(self._parts.layout, oid, self._parts.waiting)
            self._folders[oid] = folder
            waited = waited or folder.waited
        if waited:
            missing = self._parts.missing(list(self._folders))
            for oid in self._folders.keys() - missing:
                self._folders.pop(oid).remove()
                del self._search.found[oid]

    # -- contents -----------------------------------------------------------------------------

    def _begin(self, oid: ObjectId) -> None:
        """Stage an object anew, of its present head, with what this machine has of it."""
        found, folder = self._search.found[oid], self._folders[oid]
        self._known = {c: f for c, f in self._known.items() if f.folder != folder.fd}
        staged = StagedPull(folder, found.head, found.tree, self._room)
        staged.in_place = os.path.lexists(self._parts.layout.object(oid))
        self._staged[oid] = staged
        try:
            staged.begin()
        except CorruptObject as error:
            self._notes.note(found.cache, error)
            self._elsewhere(oid, error.message)
            return
        for content in list(staged.places):
            self._settle(staged, content, look=True)

    def _settle(self, staged: StagedPull, content: Content, *, look: bool) -> None:
        """Fill the places of a content, if its bytes are here; with ``look``, in the store, too."""
        digest, executable = content
        file = self._known.get(content)
        if file is None and look:
            file = staged.share(content, self._sources(staged, content))
        if file is None and not staged.size_of(digest):
            file = staged.finish(content, staged.create(content))
        if file is None:
            other = (digest, not executable)
            here = [self._known[other]] if other in self._known else []
            file = staged.copy(content, [*here, *(self._held(other) if look else ())])
        if file is not None:
            self._known[content] = staged.spread(content, file)

    def _sources(self, staged: StagedPull, content: Content) -> Iterator[StoredFile]:
        yield from staged.former(content)
        if staged.in_place:
            # It was put in place, and registered by nobody.
            name = str(staged.head.manifest.id).encode()
            path = staged.tree.files[content][0]
            yield StoredFile(self._objects, name + path[len(TOP) :])
        yield from self._held(content)

    def _held(self, content: Content) -> Iterator[StoredFile]:
        for path in self._parts.holders.find(content_of(*content)):
            yield StoredFile(self._objects, path)

    def _round(self) -> None:
        """Ask for contents that are missing, each once; objects that did not get theirs are asked
        for elsewhere, or refused."""
        asked: dict[ObjectId, set[bytes]] = {}
        runs = list(self._runs(asked))
        total = self._fetched + sum(item.run.size for item in runs)
        receiver = Receiver(
            self._notes.usable,
            self._notes.note,
            lambda got: self._parts.progress(self._fetched + got, total, len(self._staged)),
        )
        with written_back(self._objects, lambda: self._room.written):
            receiver.receive(runs)
        self._fetched += receiver.fetched
        self._known.update(receiver.here)
        for staged in self._staged.values():
            for content in list(staged.places):
                self._settle(staged, content, look=False)
        for oid, digests in asked.items():
            if not digests.isdisjoint(self._staged[oid].wanted()):
                self._elsewhere(oid, "no cache sent all of its files")

    def _runs(self, asked: dict[ObjectId, set[bytes]]) -> Iterator[RunToTake]:
        """Yield runs for all that is missing; ``asked`` gets the contents by object."""
        taken: set[bytes] = set()
        for oid, staged in self._staged.items():
            digests = [each for each in staged.wanted() if each not in taken]
            if not digests:
                continue
            taken.update(digests)
            asked[oid] = set(digests)
            cache = self._search.found[oid].cache
            wanted = {each: staged.tree.variants(each)[0] for each in digests}
            try:
                if self._notes.usable(cache):
                    for run in self._parts.offers[cache].contents(staged.head, asked[oid]):
                        yield RunToTake(cache, run, staged, wanted)
            except StoreError as error:
                self._notes.note(cache, error)

    def _elsewhere(self, oid: ObjectId, why: str) -> None:
        """Go on with the object's head in another cache, or refuse the object."""
        staged = self._staged.pop(oid)
        if not self._search.another(oid):
            self._refused[oid] = why
            self._failed.add(oid)
            return
        found = self._search.found[oid]
        if found.head.manifest == staged.head.manifest:
            staged.head = found.head  # its files are right, wherever they came from
            self._staged[oid] = staged
        else:
            self._begin(oid)

    # -- the end ------------------------------------------------------------------------------

    def _check_identities(self) -> bool:
        """Return whether each object is the one that it should be; others are staged anew."""
        sound = True
        for oid in list(self._staged):
            try:
                self._staged[oid].check_identity()
            except CorruptObject as error:
                sound = False
                self._notes.note(self._search.found[oid].cache, error)
                self._elsewhere(oid, error.message)
        return sound

    def _refuse_referrers(self, lacking: Collection[ObjectId]) -> None:
        """Refuse objects that refer to lacking or refused ones."""
        for oid in self._search.order():
            references = self._search.found[oid].head.manifest.references
            for other in references:
                if other in lacking or other in self._refused:
                    why = self._refused.get(other, "its head names another closure")
                    self._refused.setdefault(oid, f"it refers to {other}: {why}")

    def _finish(self) -> Transferred:
        # Whatever the heads tell of closures, an object is registered after its references.
        needed = {o for s in self._staged.values() for o in s.head.manifest.references}
        others = needed - self._staged.keys()
        self._refuse_referrers(self._parts.missing(others) if others else ())
        order = [oid for oid in self._search.order() if oid in self._staged]
        ready = [self._staged[oid] for oid in order if oid not in self._refused]
        if ready:
            self._place(ready)
        manifests = [staged.head.manifest for staged in ready]
        return Transferred(
            [ObjectEntry(m.id, m.references, m.refers_to_itself, m.size) for m in manifests],
            {m.id: m.root for m in manifests},
            self._refused,
            frozenset(self._failed),
            self._notes.damaged,
            self._notes.unusable,
            self._fetched,
            self._room.written,
        )

    def _place(self, ready: Sequence[StagedPull]) -> None:
        trees = [staged.complete() for staged in ready]
        sync_paths([(staged.folder.fd, staged.fresh()) for staged in ready])
        place_all(self._parts.layout, trees, self._parts.claims)
        self._placed = [tree.manifest for tree in trees]

    def tell_contents(self) -> None:
        """Note where the objects in place have their files. It waits for the disk, for which no
        caller has to wait: a hint that a kill leaves out is made by the next collection."""
        told, self._placed = self._placed, []
        self._parts.holders.tell_all((str(m.id), m.id.digest, contents(m)) for m in told)
