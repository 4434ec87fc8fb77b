"""Chains of references: between two objects, and from something held to one that it keeps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from store.index.reading import Reader
from store.local.store import Store
from store.model.names import ObjectId
from store.usage.holders import Holder, gather


@dataclass(frozen=True)
class Chain:
    """``objects`` from the one that ``holder`` holds to the one asked for, both included."""

    holder: Holder
    objects: tuple[ObjectId, ...]


def why_alive(store: Store, oid: ObjectId) -> Chain | None:
    """Return the shortest chain to an object; None when it is dead. Raises UnknownObject."""
    with store.index.read() as txn:
        start = txn.objects.known(oid)
        held: dict[int, Holder] = {}
        for each in gather(store, txn).alive:
            for root in each.objects:
                number = txn.objects.number(root)
                if number is not None:
                    held.setdefault(number, each)
        path = _upward(txn, start, held)
        if not path:
            return None
        return Chain(held[path[0]], tuple(txn.by_number.id(number) for number in path))


def shortest_chain(store: Store, first: ObjectId, last: ObjectId) -> list[ObjectId]:
    """Return the chain from ``first`` to ``last`` along references, both included; empty when there
    is none."""
    came_from: dict[ObjectId, ObjectId | None] = {first: None}
    queue = deque([first])
    while queue and last not in came_from:
        oid = queue.popleft()
        for other in store.objects.references(oid):
            if other not in came_from:
                came_from[other] = oid
                queue.append(other)
    chain: list[ObjectId] = []
    step: ObjectId | None = last if last in came_from else None
    while step is not None:
        chain.append(step)
        step = came_from[step]
    return chain[::-1]


def _upward(txn: Reader, start: int, held: dict[int, Holder]) -> list[int]:
    """Return numbers from one that is held down to ``start``; empty when none is reached."""
    below: dict[int, int | None] = {start: None}
    level = [start]
    while level:
        for number in level:
            if number in held:
                return _downward(number, below)
        above: list[int] = []
        for number in level:
            for other in sorted(txn.graph.above([number])):
                if other not in below:
                    below[other] = number
                    above.append(other)
        level = above
    return []


def _downward(number: int | None, below: dict[int, int | None]) -> list[int]:
    path: list[int] = []
    while number is not None:
        path.append(number)
        number = below[number]
    return path
