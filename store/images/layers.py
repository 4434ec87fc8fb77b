"""The layers of a container's image: objects that many others need have layers of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

MOST_LAYERS: Final = 100
"""Layers of objects at most: programs that run containers stop at 127 or so."""


def layers(
    references: Mapping[bytes, Collection[bytes]],
    sizes: Mapping[bytes, int],
    most: int = MOST_LAYERS,
) -> list[tuple[bytes, ...]]:
    """Return the objects of each layer, the most needed first.

    ``references`` are those of each object to others of them. An object has a layer of its own, the
    same in each image that holds it, as long as there are fewer than ``most``; the last one has
    the rest. Of two that are needed as often, the larger goes first.
    """
    needed = dict.fromkeys(references, 0)
    for name in references:
        for below in _closure(name, references):
            needed[below] += 1
    order = sorted(references, key=lambda name: (-needed[name], -sizes[name], name))
    if len(order) <= most:
        return [(name,) for name in order]
    return [*((name,) for name in order[: most - 1]), tuple(sorted(order[most - 1 :]))]


def _closure(name: bytes, references: Mapping[bytes, Collection[bytes]]) -> Iterable[bytes]:
    seen, stack = {name}, [name]
    while stack:
        fresh = set(references[stack.pop()]) - seen
        seen |= fresh
        stack += fresh
    return seen
