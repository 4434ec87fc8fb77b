"""How long the work ahead is likely to take."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from store.events import PlannedNode
from store.graph.resolver import BuildPlan
from store.local.store import Store
from store.model.catalogue import Catalogue

MAX_FETCHES = 6
"""Downloads at once to which something comes."""

MOST_FETCHES = 24
"""Downloads at once, with those to which nothing comes: they are not to hold up the others."""

LIKELY_SECONDS = {"build": 60.0, "unpack": 5.0, "image": 2.0, "fetch": 1.0}
"""The time of a node that was never done here before, without a time in its recipe."""

OVERDUE = 0.05
"""The part of its time so far that a node takes on, if that is more than was expected."""

FAINT = 60.0
"""Seconds of work as expected that are taken to be done before the first that is measured: so that
one short build says little of the machine's speed."""


def expected_seconds(store: Store, catalogue: Catalogue, node: bytes) -> float | None:
    """Return the time that a node usually takes: in this store, or else as its recipe has it."""
    known = store.realisations.expected_seconds(catalogue.nodes[node].name)
    return known or catalogue.seconds.get(node) or None


def planned_nodes(store: Store, catalogue: Catalogue, plan: BuildPlan) -> tuple[PlannedNode, ...]:
    """Return the nodes of a plan, each after what it needs; those of one name with their
    packages'."""
    todo = set(plan.nodes)
    names = _names(catalogue, plan.nodes)
    order = catalogue.build_closure(plan.nodes, lambda node: node not in todo)
    return tuple(
        PlannedNode(
            node,
            names[node],
            catalogue.kind(node),
            tuple(dict.fromkeys(ref.node for ref in catalogue.inputs(node) if ref.node in todo)),
            expected_seconds(store, catalogue, node),
        )
        for node in order
        if node in todo
    )


def _names(catalogue: Catalogue, nodes: Sequence[bytes]) -> dict[bytes, str]:
    """Return the names of nodes for people: ``gcc-14.2.0 (stage2.gcc)`` where there are two of
    them."""
    names = {node: catalogue.nodes[node].name for node in nodes}
    count = Counter(names.values())
    if len(count) == len(names):
        return names
    packages: dict[bytes, str] = {}
    for package in catalogue.packages.values():
        if package.node in names and count[names[package.node]] > 1:
            known = packages.get(package.node, package.name)
            packages[package.node] = max(known, package.name, key=len)  # an alias is shorter
    return names | {node: f"{names[node]} ({name})" for node, name in packages.items()}


def likely_seconds(node: PlannedNode) -> float:
    """Return the time that a node is taken to need."""
    return node.expected or LIKELY_SECONDS.get(node.kind, LIKELY_SECONDS["build"])


def chains(nodes: Iterable[PlannedNode]) -> dict[bytes, float]:
    """Return the likely seconds of each node and the longest chain of nodes that wait for it."""
    above: dict[bytes, float] = {}
    ranks: dict[bytes, float] = {}
    for node in reversed(tuple(nodes)):
        rank = ranks[node.key] = likely_seconds(node) + above.get(node.key, 0.0)
        for needed in node.needs:
            above[needed] = max(above.get(needed, 0.0), rank)
    return ranks


class Estimate(NamedTuple):
    """The seconds that work still takes. ``whole`` is false when some of it has no known time, and
    is not counted: it takes at least so long."""

    seconds: float
    whole: bool


class TimeForecast:
    """Estimates the rest of one plan, of which ``jobs`` builds run at once."""

    def __init__(self, nodes: Collection[PlannedNode], jobs: int) -> None:
        self._nodes = {node.key: node for node in nodes}
        self._jobs = jobs
        self.ranks: Mapping[bytes, float] = chains(nodes)
        self.dependents: dict[bytes, list[bytes]] = {node.key: [] for node in nodes}
        for node in nodes:
            for needed in node.needs:
                self.dependents[needed].append(node.key)
        self._taken, self._usual = FAINT, FAINT

    def learn(self, key: bytes, seconds: float) -> None:
        """Note how long a node took: the others take so much more, or less, than usual."""
        node = self._nodes.get(key)
        if node is not None and node.expected and node.kind != "fetch":
            self._taken += seconds
            self._usual += node.expected

    def left(
        self, waiting: Collection[bytes], running: Mapping[bytes, float], starting: bool = True
    ) -> Estimate:
        """Return the time until all is done: the nodes that run with the seconds that each has run,
        and, if anything is still ``starting``, those that wait."""
        pace = self._pace(running)
        ends = [
            (self._rest(self._nodes[key], pace, elapsed), key) for key, elapsed in running.items()
        ]
        todo = set(waiting) if starting else set()
        whole = all(self._known(self._nodes[key]) for key in (*todo, *running))
        return Estimate(self._simulate(todo, ends, pace), whole)

    @staticmethod
    def _known(node: PlannedNode) -> bool:
        return node.expected is not None or node.kind != "build"

    def _pace(self, running: Mapping[bytes, float]) -> float:
        """Return the time that builds take, of what they usually do."""
        taken, usual = self._taken, self._usual
        for key, elapsed in running.items():
            expected = self._nodes[key].expected
            if expected and elapsed > expected and self._nodes[key].kind != "fetch":
                taken += elapsed
                usual += expected
        return min(max(taken / usual, 0.1), 10.0)

    @staticmethod
    def _rest(node: PlannedNode, pace: float, elapsed: float) -> float:
        if not TimeForecast._known(node):
            return 0.0
        rest = TimeForecast._likely(node, pace) - elapsed
        return rest if rest > 0 else max(elapsed * OVERDUE, 0.5)

    @staticmethod
    def _likely(node: PlannedNode, pace: float) -> float:
        if not TimeForecast._known(node):
            return 0.0
        return likely_seconds(node) * (1.0 if node.kind == "fetch" else pace)

    def _simulate(self, todo: set[bytes], ends: list[tuple[float, bytes]], pace: float) -> float:
        """Return the end of the last of all, as the scheduler would run them."""
        busy = {key for _, key in ends}
        lacks = {
            key: sum(each in todo or each in busy for each in self._nodes[key].needs)
            for key in todo
        }
        free = {True: MAX_FETCHES, False: self._jobs}
        for key in busy:
            free[self._is_fetch(key)] -= 1
        ready: dict[bool, list[tuple[float, bytes]]] = {True: [], False: []}
        for key in todo:
            if not lacks[key]:
                heapq.heappush(ready[self._is_fetch(key)], (-self.ranks[key], key))
        heapq.heapify(ends)
        now = 0.0
        while True:
            for fetches, queue in ready.items():
                while queue and free[fetches] > 0:
                    key = heapq.heappop(queue)[1]
                    free[fetches] -= 1
                    heapq.heappush(ends, (now + self._likely(self._nodes[key], pace), key))
            if not ends:
                return now
            now, key = heapq.heappop(ends)
            free[self._is_fetch(key)] += 1
            for above in self.dependents[key]:
                if above in lacks:
                    lacks[above] -= 1
                    if not lacks[above]:
                        heapq.heappush(ready[self._is_fetch(above)], (-self.ranks[above], above))

    def _is_fetch(self, key: bytes) -> bool:
        return self._nodes[key].kind == "fetch"
