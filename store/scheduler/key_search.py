"""Builds that caches are asked for by their keys, while others go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from store.graph.resolver import Resolver
from store.local.leases import Lease
from store.scheduler.substitution import Substitution
from store.system.steps import SteppedWork


class KeySearch:
    """Asks for each node once, one batch after the other. ``held`` are those to wait with."""

    def __init__(self, caches: Substitution, resolver: Resolver, lease: Lease) -> None:
        self._caches = caches
        self._resolver = resolver
        self._lease = lease
        self._asked: set[bytes] = set()
        self._waiting: list[bytes] = []
        self._batch: tuple[bytes, ...] = ()
        self._work: SteppedWork[None] | None = None

    @property
    def held(self) -> Collection[bytes]:
        """The nodes whose answer is not here yet."""
        return {*self._batch, *self._waiting}

    def add(self, nodes: Iterable[bytes]) -> None:
        """Ask for those of the nodes that were not asked for before."""
        fresh = [node for node in nodes if node not in self._asked]
        self._asked.update(fresh)
        self._waiting += fresh
        self._begin()

    def step(self, seconds: float) -> None:
        """Wait for so long at most, and go on with each answer that is here. Raises StoreFull,
        DiskReserve, StoreReadOnly, NotOwner or Interrupted."""
        while self._work is not None and self._work.step(seconds):
            seconds = 0.0
            self._begin()

    def _begin(self) -> None:
        while self._work is None or self._work.ended:
            self._work, self._batch = None, ()
            if not self._waiting:
                return
            self._batch, self._waiting = tuple(self._waiting), []
            steps = self._caches.fill_by_key(self._batch, self._resolver, self._lease)
            self._work = SteppedWork(steps)

    def close(self) -> None:
        """Ask nothing more."""
        if self._work is not None:
            self._work.close()
            self._work = None
