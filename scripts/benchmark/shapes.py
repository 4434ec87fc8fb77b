"""Synthetic reference graphs with the shape of real stores.

Objects are numbers; each refers to lower ones only. A few are libraries, which most others refer
to, by a power law; most are leaves, with few referrers or none; some stand in long chains; now and
then an environment refers to hundreds. All of it follows from a seed number.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_LIBRARIES = 0.05
_CHAIN, _CHAIN_EVERY = 50, 1000
_WIDTHS = (0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 12)
"""How many libraries an object refers to, each as often as another."""

_SKEW = 3.0
"""A library's share of references falls with its rank to the power of 1/3 - 1."""


@dataclass
class Family:
    """Objects that refer to each other and to no other family, as far as they were made."""

    libraries: list[int]
    leaves: list[int]

    def draw(self, generator: random.Random) -> tuple[int, ...]:
        """Return what one more object refers to."""
        found = set()
        for _ in range(generator.choice(_WIDTHS)):
            if self.libraries:
                found.add(self.libraries[int(len(self.libraries) * generator.random() ** _SKEW)])
        if self.leaves and len(self.leaves) % _CHAIN_EVERY < _CHAIN:
            found.add(self.leaves[-1])
        elif self.leaves and generator.random() < 0.3:
            found.add(generator.choice(self.leaves))
        return tuple(sorted(found))

    def take(self, number: int, generator: random.Random) -> None:
        """The object was made."""
        (self.libraries if generator.random() < _LIBRARIES else self.leaves).append(number)


@dataclass(frozen=True)
class World:
    """A store of which just so much is known.

    ``references`` by object; objects below ``live`` are alive, held by ``roots``. All that reaches
    object 0 is its closure of referrers; the last living object, ``top``, is an environment.
    """

    references: Sequence[tuple[int, ...]]
    live: int
    roots: tuple[int, ...]
    top: int


def world(count: int, referrers: int, closure: int, roots: int, seed: int) -> World:
    """A store of ``count`` objects, half of them dead.

    The closure of object 0's referrers has ``referrers`` objects, that of ``top`` has ``closure``.
    ValueError when the numbers do not go together.
    """
    generator = random.Random(seed)
    live = count // 2
    linked = [True] * (referrers - 2) + [False] * (count - referrers)
    generator.shuffle(linked)
    linked.insert(0, True)
    linked.insert(live - 1, True)
    families = {True: Family([0], []), False: Family([], [])}
    references: list[tuple[int, ...]] = [()]
    for number in range(1, count):
        family = families[linked[number]]
        if number == live - 1:
            references.append(_environment(references, linked, closure - 1, generator))
            continue
        below = family.draw(generator)
        references.append(below or ((0,) if linked[number] else ()))
        family.take(number, generator)
        if number == live:
            families = {key: Family(each.libraries, []) for key, each in families.items()}
    return World(references, live, _roots(references, live, roots, generator), live - 1)


def _environment(
    references: Sequence[tuple[int, ...]],
    linked: Sequence[bool],
    size: int,
    generator: random.Random,
) -> tuple[int, ...]:
    """References whose closure has ``size`` objects."""
    order = [number for number in range(len(references)) if linked[number]]
    generator.shuffle(order)
    chosen, reached = [], set[int]()
    for number in order:
        fresh = reach(references, [number]) - reached
        if fresh and len(reached) + len(fresh) <= size:
            chosen.append(number)
            reached |= fresh
    if len(reached) != size:
        raise ValueError(f"no closure of {size} objects among {len(order)}")
    return tuple(sorted(chosen))


def _roots(
    references: Sequence[tuple[int, ...]], live: int, count: int, generator: random.Random
) -> tuple[int, ...]:
    """``count`` living objects whose closure is all that lives."""
    named = {below for number in range(live) for below in references[number]}
    tops = [number for number in range(live) if number not in named]
    if len(tops) > count:
        raise ValueError(f"{live} objects with {len(tops)} that none refers to, and {count} roots")
    return tuple(sorted(tops + generator.sample(sorted(named), count - len(tops))))


def reach(references: Sequence[tuple[int, ...]], start: Iterable[int]) -> set[int]:
    """The closure of objects."""
    stack = list(start)
    seen = set(stack)
    while stack:
        fresh = [below for below in references[stack.pop()] if below not in seen]
        seen.update(fresh)
        stack += fresh
    return seen


@dataclass(frozen=True)
class Block:
    """More objects of a growing store, from number ``first``: references, and which are roots."""

    first: int
    references: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]


BLOCK = 1000


def growing(seed: int) -> Iterator[Block]:
    """A store that grows without end, by blocks of BLOCK objects.

    In each, half live: the last two of them are environments, which are roots and refer to all
    that none else would keep alive. The other half are dead, and refer to whatever there is.
    """
    generator = random.Random(seed)
    living, dead = Family([0], []), Family([0], [])
    first = 0
    while True:
        block = list(_living(living, first, generator))
        for number in range(first + len(block), first + BLOCK):
            dead.libraries = living.libraries
            block.append(dead.draw(generator))
            dead.leaves.append(number)
        environments = (first + BLOCK // 2 - 2, first + BLOCK // 2 - 1)
        yield Block(first, tuple(block), environments)
        first += BLOCK


def _living(family: Family, first: int, generator: random.Random) -> Iterator[tuple[int, ...]]:
    lonely: set[int] = set()
    for number in range(first, first + BLOCK // 2 - 2):
        below = family.draw(generator) if number else ()
        lonely -= set(below)
        lonely.add(number)
        yield below
        if number:
            family.take(number, generator)
    order = sorted(lonely)
    yield tuple(order[::2])
    yield tuple(order[1::2])


def builds(count: int, seed: int) -> list[tuple[int, ...]]:
    """Return what each of ``count`` builds needs, and one more that needs all that none else does.

    They stand in layers of about 50, each on up to three of the layer below.
    """
    generator = random.Random(seed)
    width = max(1, min(50, count // 4))
    graph: list[tuple[int, ...]] = []
    for number in range(count):
        start = (number // width - 1) * width
        below = range(max(0, start), start + width)
        graph.append(tuple(sorted(generator.sample(below, min(3, len(below))))))
    needed = {below for inputs in graph for below in inputs}
    return [*graph, tuple(number for number in range(count) if number not in needed)]
