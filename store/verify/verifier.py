"""One look at a store: its objects in the order in which they are due, then the files around
them."""

from __future__ import annotations

import contextlib
import struct
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from store.errors import NotOwner, StoreError, StoreReadOnly
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.store import Store
from store.model.names import ObjectId, parse_all
from store.reporting import Count, uncounted
from store.verify.finding import Finding
from store.verify.hashing import Digest
from store.verify.index_check import UNREADABLE, check_index, differences
from store.verify.leftovers import (
    check_leftovers,
    check_logs,
    check_unregistered,
    check_untold,
)
from store.verify.object_check import ObjectLook, inspect, look, unlike

BATCH = 512
"""Objects that are looked at together."""

MANY = 8192
"""Objects that are looked at together when none of their files is read."""

BATCH_BYTES = 4 << 30
"""Bytes that are read together; with a budget, a 16th of it, so that it is kept."""


@dataclass
class VerificationOutcome:
    """``looked`` of ``due`` objects were looked at."""

    due: int = 0
    looked: int = 0
    errors: int = 0
    notes: int = 0

    def count(self, finding: Finding) -> None:
        """Count a finding by its severity."""
        if finding.severity == "note":
            self.notes += 1
        else:
            self.errors += 1


class Looking:
    """A look at objects that hands each finding to ``found`` at once.

    With ``contents`` every byte is read, and with ``budget``, but only as many seconds as that is.
    """

    def __init__(
        self,
        layout: Layout,
        found: Callable[[Finding], object],
        progress: Count = uncounted,
        *,
        contents: bool = False,
        budget: float | None = None,
    ) -> None:
        self._layout: Final = layout
        self._found = found
        self._progress = progress
        self._known: dict[int, Digest] | None = {} if contents or budget is not None else None
        self._end = None if budget is None else time.monotonic() + budget
        self.outcome = VerificationOutcome()

    def _late(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    def _inspected(self, suspects: Sequence[ObjectId]) -> list[ObjectLook]:
        """Return all that is wrong with objects that were not found sound, file by file."""
        fresh: dict[int, Digest] | None = None if self._known is None else {}
        items = inspect(self._layout, suspects, fresh)
        if self._known is not None and fresh is not None:
            self._known.update(fresh)
        return items

    def _tell(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.outcome.count(finding)
            self._found(finding)


class Verifier(Looking):
    """Looks at a store; with ``budget`` (seconds), at the objects first that were verified longest
    ago."""

    def __init__(
        self,
        store: Store,
        found: Callable[[Finding], object],
        progress: Count = uncounted,
        *,
        contents: bool = False,
        budget: float | None = None,
    ) -> None:
        super().__init__(store.layout, found, progress, contents=contents, budget=budget)
        self._store = store
        self._thorough = contents and budget is None
        self.damaged: list[ObjectLook] = []
        """The objects that are not sound, references before their referrers."""

    def run(
        self, chosen: Sequence[ObjectId] = (), index: Iterable[Finding] | None = None
    ) -> VerificationOutcome:
        """Look at the chosen objects; without any, at all of the store. ``index`` are the findings
        of the index, where it was looked at before."""
        due = self._due(chosen)
        self.outcome.due = len(due)
        if not chosen:
            self._tell(check_index(self._store) if index is None else index)
        while self.outcome.looked < len(due) and not self._late():
            self._progress("object", self.outcome.looked, len(due))
            if self._known is None and self._skim(due[self.outcome.looked :][:MANY]):
                self.outcome.looked = min(self.outcome.looked + MANY, len(due))
                continue
            batch, self.outcome.looked = self._batch(due, self.outcome.looked)
            self._examine(batch)
        if not chosen:
            for part in (check_unregistered, check_logs, check_leftovers, check_untold):
                self._tell(part(self._store))
        return self.outcome

    def _skim(self, numbers: Sequence[int]) -> bool:
        """Look at objects without reading their files; False when the index cannot be read."""
        try:
            with self._store.index.read() as txn:
                told = txn.graph.facts(numbers)
        except (*UNREADABLE, KeyError):
            return False
        suspects = unlike(self._layout, told)
        if suspects:
            self._look_again(parse_all(suspects))
        return True

    def _batch(self, due: Sequence[int], at: int) -> tuple[list[ObjectId], int]:
        """Return the objects from place ``at`` on that are read together, and the place after
        them."""
        batch, size = [], 0
        most = BATCH_BYTES if self._end is None else BATCH_BYTES // 16
        with self._store.index.read() as txn:
            for number in due[at : at + BATCH]:
                at += 1
                # An entry that does not decode is a finding of the index; some may be collected by
                # now.
                with contextlib.suppress(StoreError):
                    batch.append(txn.by_number.id(number))
                    size += txn.by_number.size(number)
                if size >= most:
                    break
        return batch, at

    def _due(self, chosen: Sequence[ObjectId]) -> Sequence[int]:
        """Return the numbers of objects, of those first that have waited longest."""
        with self._store.index.read() as txn:
            numbers = (
                txn.objects.numbers_of(oid.digest for oid in chosen)
                if chosen
                else txn.by_number.numbers()
            )
            order = sorted(numbers)
            if self._end is not None:
                order.sort(key=lambda number: _last_verified(txn, number))
        return array("I", order)

    def _examine(self, oids: Sequence[ObjectId]) -> None:
        items = look(self._layout, oids, self._known)
        with self._store.index.read() as txn:
            suspects = [item.id for item in items if not item.sound or any(differences(txn, item))]
        if suspects:
            self._look_again(suspects)
        bad = set(suspects)
        sound = [item for item in items if item.id not in bad]
        if self._known is not None:
            found = [item.id for item in sound]
            with contextlib.suppress(NotOwner, StoreReadOnly):
                self._store.index.write(lambda txn: txn.times.note_verified(found))

    def _look_again(self, suspects: Sequence[ObjectId]) -> None:
        """Look once more: an object that is deleted, or replaced, while it is looked at is no
        finding."""
        items = self._inspected(suspects)
        with self._store.index.read() as txn:
            items = [item for item in items if txn.objects.has(item.id)]
            for item in items:
                item.findings += differences(txn, item)
        for item in items:
            self._tell(item.findings)
            if item.findings:
                self.damaged.append(item)

    def errors_left(self, chosen: Sequence[ObjectId] = ()) -> list[Finding]:
        """Look again, as after a repair; returns the errors of the chosen objects, or of all of the
        store."""
        found: list[Finding] = []
        Verifier(self._store, found.append, contents=self._thorough).run(chosen)
        return [finding for finding in found if finding.severity == "error"]


def _last_verified(txn: Reader, number: int) -> int:
    try:
        return txn.times.last_verified(number)
    except struct.error:
        return 0
