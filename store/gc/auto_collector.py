"""Collecting unasked, when the disk gets full: as the store's settings say, and no oftener than
there is something to free."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from heapq import nlargest
from operator import itemgetter
from typing import TYPE_CHECKING

from store.errors import Busy
from store.events import NothingToFree
from store.gc.settings import Settings, load
from store.local.store import Store
from store.reporting import SILENT, Reporter
from store.system import owned

if TYPE_CHECKING:
    from store.gc.plan import CollectionPlan

FIRST_REST = 600.0
"""Seconds for which nothing is tried again after a run that could not free enough; it doubles with
each such run, up to a day."""

_LONGEST_REST = 86400.0
_NAMED = 5
"""Holders that are named when nothing can be freed."""

_FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
"""How the note is opened, which others must not write to whatever the user's umask is."""


@dataclass(frozen=True)
class _Rest:
    """Until when (Unix seconds) nothing is tried, for how long that was, and bytes free then."""

    until: float = 0.0
    length: float = 0.0
    free: int = 0


class AutoCollector:
    """Makes room for builds in one store. Called with True when the disk has become full."""

    def __init__(self, store: Store, reporter: Reporter = SILENT) -> None:
        self._store = store
        self._reporter = reporter
        self._state = f"{store.layout.locks}/rest"

    def __call__(self, urgent: bool) -> bool:
        """Collect if there is need; returns whether anything was freed.

        UsageError when the settings cannot be read.
        """
        settings = load(self._store.layout)
        if settings.min_free is None:
            return False
        free = self._store.disk.free_bytes()
        if not urgent and free >= settings.min_free:
            return False
        if urgent:
            # Whatever was thought to be enough was not, and how much would be, nobody knows.
            settings = replace(settings, max_free=None)
        if self._resting(free) and not urgent:
            return False
        return self._collect(settings, free)

    def _collect(self, settings: Settings, before: int) -> bool:
        from store.gc.collector import Collector  # slow to load, and most stores have room

        collector = Collector(self._store, self._reporter)
        try:
            plan = collector.collect(settings.policy())
        except Busy:
            return False
        free, wanted = self._store.disk.free_bytes(), settings.min_free or 0
        if free < wanted or not collector.outcome.freed:
            self._rest(free)
            held = held_most(self._store, plan)
            self._reporter.emit(NothingToFree(free, wanted, held, plan.spared))
        else:
            self._wake()
        return bool(collector.outcome.freed)

    # -- backing off --

    def _resting(self, free: int) -> bool:
        rest = self._read()
        # Whoever freed something, or filled the disk by as much again, makes another try worth it.
        return time.time() < rest.until and abs(free - rest.free) < max(rest.free // 4, 1 << 28)

    def _rest(self, free: int) -> None:
        length = min(max(2 * self._read().length, FIRST_REST), _LONGEST_REST)
        text = f"{time.time() + length} {length} {free}\n"
        try:
            with open(owned.open_file(self._state, _FRESH), "w", encoding="ascii") as stream:
                stream.write(text)
        except OSError:
            return  # without a note the next build tries again, which costs it a moment

    def _wake(self) -> None:
        try:
            os.unlink(self._state)
        except FileNotFoundError:
            return

    def _read(self) -> _Rest:
        try:
            with open(self._state, encoding="ascii") as stream:
                until, length, free = stream.read(200).split()
            rest = _Rest(float(until), float(length), int(free))
        except (OSError, ValueError):
            return _Rest()
        # A clock that was set back must not let it rest for years. One that is over still counts:
        # the next is twice as long.
        return rest if rest.until - time.time() <= rest.length <= _LONGEST_REST else _Rest()


def held_most(store: Store, plan: CollectionPlan) -> tuple[tuple[str, int], ...]:
    """Return the holders that keep most, largest first, with the bytes that each keeps and none of
    those before it."""
    sizes = []
    with store.index.read() as txn:
        marks = bytearray(txn.by_number.next_number())
        for each in plan.holders.alive:
            known = [
                number for number in map(txn.objects.number, each.objects) if number is not None
            ]
            sizes.append((str(each), sum(map(txn.by_number.size, txn.graph.spread(known, marks)))))
    return tuple(nlargest(_NAMED, sizes, key=itemgetter(1)))
