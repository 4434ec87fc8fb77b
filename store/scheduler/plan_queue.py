"""The queue of a plan: which of its nodes can begin, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from store.graph.resolver import BuildPlan
from store.model.catalogue import Catalogue


class PlanQueue:
    """Has the nodes whose inputs in the plan are all made, until each is removed.

    One is *fresh* until it was looked up: its key is known only when its inputs are made, and it
    may have been realised before. ``kinds`` has the kind of each node of the plan, and
    ``dependents`` the nodes of the plan that need it directly.
    """

    def __init__(self, catalogue: Catalogue, plan: BuildPlan, ranks: Mapping[bytes, float]) -> None:
        """Take all nodes of a plan. Those of the highest rank go first: where the rank is that of
        the longest chain above a node, few processors leave no long build for the end."""
        self._ranks = ranks
        self._lacking = dict.fromkeys(plan.nodes, 0)
        self.kinds: Final = {node: catalogue.kind(node) for node in plan.nodes}
        self.dependents: Final[dict[bytes, list[bytes]]] = {node: [] for node in plan.nodes}
        for node in plan.nodes:
            for needed in {ref.node for ref in catalogue.inputs(node)}:
                if needed in self._lacking:
                    self._lacking[node] += 1
                    self.dependents[needed].append(node)
        self._ready = [node for node in plan.nodes if not self._lacking[node]]
        self._fresh = set(self._ready)
        self._made = 0

    @property
    def ready(self) -> Sequence[bytes]:
        """The nodes that can begin, as they came."""
        return self._ready

    @property
    def left(self) -> int:
        """How many nodes of the plan are not made."""
        return len(self._lacking) - self._made

    @property
    def has_fresh(self) -> bool:
        """True if any node was not looked up."""
        return bool(self._fresh)

    def fresh(self) -> list[bytes]:
        """Return the nodes that can begin and were not looked up."""
        return [node for node in self._ready if node in self._fresh]

    def is_fresh(self, node: bytes) -> bool:
        """Return whether a node was not looked up."""
        return node in self._fresh

    def mark(self, node: bytes, *, fresh: bool) -> None:
        """Note that a node was looked up, or is to be again."""
        (self._fresh.add if fresh else self._fresh.discard)(node)

    def in_order(self, held: Collection[bytes] = ()) -> list[bytes]:
        """Return the nodes that can begin, the first to begin first; without the ``held`` ones."""
        ready = [node for node in self._ready if node not in held]
        return sorted(ready, key=lambda node: -self._ranks[node])

    def has_fetch(self) -> bool:
        """Return whether a fetch can begin."""
        return any(self.kinds[node] == "fetch" for node in self._ready)

    def remove(self, node: bytes) -> None:
        """Take a node out: it begins, or cannot."""
        self._ready.remove(node)

    def clear(self) -> None:
        """Take all out that can begin now."""
        self._ready.clear()

    def made(self, node: bytes) -> list[bytes]:
        """Note that a node is made; returns those that can begin because of it."""
        self._made += 1
        freed = []
        for dependent in self.dependents[node]:
            self._lacking[dependent] -= 1
            if not self._lacking[dependent]:
                freed.append(dependent)
        self._ready += freed
        self._fresh.update(freed)
        return freed
