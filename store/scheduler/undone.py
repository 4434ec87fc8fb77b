"""Nodes that are left undone because of failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.events import Failed, Undone
from store.model.catalogue import Catalogue


def undone_for(
    catalogue: Catalogue, dependents: Mapping[bytes, Sequence[bytes]], failures: Sequence[Failed]
) -> tuple[Undone, ...]:
    """Return the nodes that were not tried, each with the names of the failed ones that it needs,
    however far below; by name. ``dependents`` has the nodes of the plan that need each directly."""
    needs: dict[bytes, list[str]] = {}
    for failed in failures:
        for node in _above(dependents, failed.key):
            needs.setdefault(node, []).append(failed.name)
    undone = [
        Undone(node, catalogue.nodes[node].name, tuple(sorted(set(names))))
        for node, names in needs.items()
    ]
    return tuple(sorted(undone, key=lambda each: (each.name, each.key)))


def _above(dependents: Mapping[bytes, Sequence[bytes]], node: bytes) -> set[bytes]:
    found: set[bytes] = set()
    todo = [node]
    while todo:
        for above in dependents[todo.pop()]:
            if above not in found:
                found.add(above)
                todo.append(above)
    return found
