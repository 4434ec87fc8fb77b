"""Finding the heads of objects and of all that they refer to, in the first cache that has each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import NamedTuple

from store.cache.head import Head
from store.cache.offering import ObjectOffers
from store.cache.pulled_tree import ENTRIES_LIMIT, PulledTree, checked
from store.errors import CorruptObject, StoreError, UnknownObject
from store.job_errors import CacheUnusable
from store.model.names import ObjectId

CLOSURE_LIMIT = 1_000_000
"""Objects that are taken at once."""

GUESSES = 10_000
"""Objects that are asked for as closures name them, before references lead to them. Nothing proves
a closure, and a cache could name any number."""

GUESSED_ENTRIES = 2_000_000
"""Files, links and folders in the heads of such objects, together, after which none is guessed any
more: all heads are in memory."""

Missing = Callable[[Collection[ObjectId]], set[ObjectId]]
"""Keeps the collector from objects, and says which of them this store does not have."""


class FoundHead(NamedTuple):
    """A head that was checked, the tree that it describes, and the number of its cache."""

    head: Head
    tree: PulledTree
    cache: int


class CacheNotes:
    """The trouble with the caches: ``damaged`` has a sentence for each lie, ``unusable`` the
    error of each that was dropped, by its name."""

    def __init__(self, offers: Sequence[ObjectOffers]) -> None:
        self._offers = offers
        self.damaged: list[str] = []
        self.unusable: dict[str, CacheUnusable] = {}

    def usable(self, number: int) -> bool:
        """Return whether a cache, by its number, is still of use."""
        return self._offers[number].name not in self.unusable

    def note(self, number: int, error: StoreError) -> None:
        """Note a damage, or that the cache cannot be used; a missing thing is neither."""
        name = self._offers[number].name
        if isinstance(error, CacheUnusable):
            self.unusable.setdefault(name, error)
        elif not isinstance(error, UnknownObject):
            self.damaged.append(_with_name(name, error.message))

    def collect(self) -> None:
        """Note the answers that could not be decoded."""
        for offer in self._offers:
            self.damaged += [_with_name(offer.name, sentence) for sentence in offer.damaged()]


def _with_name(cache: str, sentence: str) -> str:
    """Return a sentence that says which cache it is about: many begin with a file's whole name."""
    return sentence if sentence.startswith(f"{cache}/") else f"{cache}: {sentence}"


class HeadSearch:
    """``found`` has the heads of the objects to take, ``absent`` reasons why others have none. No
    cache is asked for those of ``without``."""

    def __init__(
        self,
        offers: Sequence[ObjectOffers],
        missing: Missing,
        notes: CacheNotes,
        without: Collection[ObjectId] = (),
    ) -> None:
        self._offers = offers
        self._missing = missing
        self._notes = notes
        self._next: dict[ObjectId, int] = dict.fromkeys(without, len(offers))
        self._seen: set[ObjectId] = set()
        self._goals: set[ObjectId] = set()
        self._guesses = GUESSES
        self._guessed_oids: set[ObjectId] = set()
        self._guessed_entries = 0
        self._entries = 0
        self.found: dict[ObjectId, FoundHead] = {}
        self.absent: dict[ObjectId, str] = {}

    def search(self, goals: Iterable[ObjectId]) -> None:
        """Find the heads of the goals, and of all that is missing in their closures."""
        self._take(goals)
        bad = self._inconsistent()
        while bad:
            for oid in bad:
                self._notes.note(
                    self.found[oid].cache,
                    CorruptObject(f"the closure of {oid} is not that of its references"),
                )
                self.another(oid)
            bad = self._inconsistent()

    def another(self, oid: ObjectId) -> bool:
        """Look for the object's head in the caches that were not asked for it yet, as the present
        one is of no use; returns whether one has it."""
        former = self.found.pop(oid, None)
        if former is not None:
            self._entries -= former.tree.entries
        self._seen.discard(oid)
        self._take([oid])
        return oid in self.found

    def order(self) -> list[ObjectId]:
        """Return the found objects, references first."""
        return list(TopologicalSorter(self._graph()).static_order())

    def _take(self, goals: Iterable[ObjectId]) -> None:
        self._goals.update(goals)
        need = self._lacks(self._led())
        while need:
            self._find(need)
            led = self._led()
            need = self._lacks([*led, *self._guessed(need, led)])

    def _led(self) -> set[ObjectId]:
        """Return the objects not looked at to which references lead from the goals: identities
        prove them."""
        led, visited, waiting = set(), set(self._goals), [*self._goals]
        while waiting:
            oid = waiting.pop()
            if oid not in self._seen:
                led.add(oid)
            elif oid in self.found:
                fresh = {*self.found[oid].head.manifest.references} - visited
                visited |= fresh
                waiting += fresh
        return led

    def _guessed(self, oids: Iterable[ObjectId], led: set[ObjectId]) -> set[ObjectId]:
        """Return members of the closures of found objects, so many as may still be guessed: so
        most closures take one round."""
        guessed: set[ObjectId] = set()
        for oid in oids:
            if oid in self.found:
                fresh = (
                    each
                    for each in self.found[oid].head.closure
                    if each not in self._seen and each not in led and each not in guessed
                )
                guessed.update(islice(fresh, self._guesses - len(guessed)))
        self._guesses -= len(guessed)
        self._guessed_oids |= guessed
        return guessed

    def _lacks(self, oids: Iterable[ObjectId]) -> list[ObjectId]:
        """Return those of the objects that were not looked at, and that this store lacks."""
        fresh = set(oids) - self._seen
        self._seen |= fresh
        if len(self._seen) > CLOSURE_LIMIT:
            raise CorruptObject(f"more than {CLOSURE_LIMIT} objects hang together")
        return sorted(self._missing(fresh)) if fresh else []

    def _find(self, oids: Sequence[ObjectId]) -> None:
        left = dict.fromkeys(oids)
        for number, offer in enumerate(self._offers):
            ask = [oid for oid in left if self._next.get(oid, 0) <= number]
            if not ask or not self._notes.usable(number):
                continue
            try:
                heads = offer.heads(ask)
            except StoreError as error:
                self._notes.note(number, error)
                continue
            for oid in ask:
                self._next[oid] = number + 1
                if oid in heads and self._accept(oid, heads[oid], number):
                    del left[oid]
        self._notes.collect()
        for oid in left:
            self.absent[oid] = "no cache has it"

    def _accept(self, oid: ObjectId, head: Head, number: int) -> bool:
        try:
            tree = checked(head, oid, ENTRIES_LIMIT - self._entries)
        except CorruptObject as error:
            self._notes.note(number, error)
            return False
        self.found[oid] = FoundHead(head, tree, number)
        self._entries += tree.entries
        self.absent.pop(oid, None)
        if oid in self._guessed_oids:
            self._guessed_entries += tree.entries
            if self._guessed_entries > GUESSED_ENTRIES:
                self._guesses = 0
        return True

    def _graph(self) -> dict[ObjectId, list[ObjectId]]:
        return {
            oid: [other for other in item.head.manifest.references if other in self.found]
            for oid, item in self.found.items()
        }

    def _inconsistent(self) -> list[ObjectId]:
        """Return objects whose heads tell of another closure than those of their references do."""
        try:
            order = self.order()
        except CycleError as error:
            return sorted(set(error.args[1]))
        return [oid for oid in order if not self._is_consistent(self.found[oid].head)]

    def _is_consistent(self, head: Head) -> bool:
        references = head.manifest.references
        if any(other in self.absent for other in references):
            return True  # the object cannot be taken anyway
        told, closure = set(references), set(head.closure)
        for other in references:
            if other in self.found:
                told.update(self.found[other].head.closure)
        if told == closure:
            return True
        # No head was asked for of objects that are here: they account for all of the rest.
        return told < closure and any(other not in self.found for other in references)
