"""The objects that are whole, as columns of numbers: of a million, some 150 MB.

An object is its place in the sorted names of all that lies in the store directory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import overload

from store.index.schema import ObjectEntry
from store.model.names import parse_all

DAMAGED, WHOLE, OPEN, SOUND, INCOMPLETE = range(5)
"""States of an object: OPEN while its references are looked through."""

_TOGETHER = 1000
"""Objects that are made into entries together."""


@dataclass
class Columns:
    """Objects as they were seen, one after the other; their references as places in the names of
    all objects. ``ends`` are where their references end in ``below``, ``lacking`` the references
    that have no place, by their own places here. Sizes in bytes, ``since`` in Unix seconds."""

    state: bytearray = field(default_factory=bytearray)
    itself: bytearray = field(default_factory=bytearray)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    since: array[int] = field(default_factory=lambda: array("Q"))
    below: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    lacking: dict[int, str] = field(default_factory=dict)

    def add(self, itself: bool, size: int, since: int, below: Iterable[int]) -> None:
        """Add the next object, which agrees with its manifest."""
        self.state.append(WHOLE)
        self.itself.append(itself)
        self.sizes.append(size)
        self.since.append(since)
        self.below.extend(below)
        self.ends.append(len(self.below))

    def add_damaged(self) -> None:
        """Add the next object, which is damaged."""
        self.add(False, 0, 0, ())
        self.state[-1] = DAMAGED

    def lacks(self, name: str) -> None:
        """Note that the object that was added last refers to one that is not there."""
        self.state[-1] = INCOMPLETE
        self.lacking[len(self.state) - 1] = name


class Whole(Sequence[ObjectEntry]):
    """The objects that are whole with all that they refer to, each after what it refers to; made
    into entries as they are asked for.

    ``names`` are sorted. Tell :meth:`extend` of each of them, in order, and then
    :meth:`put_in_order`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._state = bytearray()
        self._itself = bytearray()
        self._sizes = array("Q")
        self._since = array("Q")
        self._below = array("I")
        self._ends = array("Q", [0])
        self._order = array("I")
        self.lacking: dict[str, str] = {}
        """The missing object of each incomplete one, itself or by its references; both by name."""

    def extend(self, seen: Columns) -> None:
        """Add the next objects as they were seen."""
        first, below = len(self._state), len(self._below)
        self._state += seen.state
        self._itself += seen.itself
        self._sizes += seen.sizes
        self._since += seen.since
        self._below += seen.below
        self._ends.extend(below + end for end in seen.ends)
        for at, name in seen.lacking.items():
            self._lacks(first + at, name)

    def put_in_order(self) -> None:
        """Sort depth first, with a stack of its own: a chain of references may be long."""
        state = self._state
        for start in range(len(state)):
            stack = [start]
            while stack:
                at = stack[-1]
                if state[at] == WHOLE:
                    # Until all below it is settled, it lacks itself: nothing in a cycle is sound.
                    state[at] = OPEN
                    stack += [other for other in self._references(at) if state[other] == WHOLE]
                    continue
                stack.pop()
                if state[at] == OPEN:
                    self._settle(at)

    def _settle(self, at: int) -> None:
        for other in self._references(at):
            if self._state[other] != SOUND:
                name = self._names[other]
                self._lacks(at, self.lacking.get(name, name))
                return
        self._state[at] = SOUND
        self._order.append(at)

    def _lacks(self, at: int, name: str) -> None:
        self._state[at] = INCOMPLETE
        self.lacking[self._names[at]] = name

    def _references(self, at: int) -> array[int]:
        return self._below[self._ends[at] : self._ends[at + 1]]

    # -- as entries --

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> ObjectEntry: ...

    @overload
    def __getitem__(self, at: slice) -> list[ObjectEntry]: ...

    def __getitem__(self, at: int | slice) -> ObjectEntry | list[ObjectEntry]:
        if isinstance(at, slice):
            return self._entries(self._order[at])
        return self._entries(self._order[at : at + 1 or None])[0]

    def __iter__(self) -> Iterator[ObjectEntry]:
        for start in range(0, len(self), _TOGETHER):
            yield from self[start : start + _TOGETHER]

    def names(self) -> Iterator[str]:
        """Return ``<digest>-<name>`` of each."""
        return map(self._names.__getitem__, self._order)

    def _entries(self, places: array[int]) -> list[ObjectEntry]:
        below = [self._references(at) for at in places]
        wanted = list(dict.fromkeys(chain(places, chain.from_iterable(below))))
        ids = dict(zip(wanted, parse_all([self._names[at] for at in wanted]), strict=True))
        return [
            ObjectEntry(ids[at], [ids[x] for x in others], bool(self._itself[at]), size, since)
            for at, others, size, since in zip(
                places,
                below,
                map(self._sizes.__getitem__, places),
                map(self._since.__getitem__, places),
                strict=True,
            )
        ]
