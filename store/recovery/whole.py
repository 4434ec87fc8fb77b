"""The objects that are whole, as columns of numbers: of a million, some 150 MB.

An object is its place in the sorted names of all that lies in the store directory.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from store.index.schema import Entry
from store.model.names import ObjectId

DAMAGED, WHOLE, OPEN, SOUND, INCOMPLETE = range(5)
"""What is known of an object: OPEN while what it refers to is looked through."""


class Seen(NamedTuple):
    """An object on disk that agrees with its manifest. ``references`` as ``<digest>-<name>``,
    ``size`` in bytes, ``since`` in Unix seconds."""

    references: tuple[str, ...]
    refers_to_itself: bool
    size: int
    since: int


class Whole(Sequence[Entry]):
    """The objects that are whole with all that they refer to, each after what it refers to; made
    into entries as they are asked for.

    ``names`` are sorted. Tell :meth:`add` of each of them, in order, and then
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
        """What an object lacks that is incomplete, itself or by what it refers to; both by name."""

    def add(self, seen: Seen | None) -> None:
        """The next object as it was seen; None when it is damaged."""
        at = len(self._state)
        self._state.append(DAMAGED if seen is None else WHOLE)
        _, itself, size, since = seen or Seen((), False, 0, 0)
        self._itself.append(itself)
        self._sizes.append(size)
        self._since.append(since)
        for name in seen.references if seen else ():
            other = bisect_left(self._names, name)
            if other < len(self._names) and self._names[other] == name:
                self._below.append(other)
            else:
                self._lacks(at, name)
        self._ends.append(len(self._below))

    def put_in_order(self) -> None:
        """Depth first, with a stack of its own: a chain of references may be long."""
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
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, slice):
            return list(map(self._entry, self._order[at]))
        return self._entry(self._order[at])

    def __iter__(self) -> Iterator[Entry]:
        return map(self._entry, self._order)

    def _entry(self, at: int) -> Entry:
        references = [ObjectId.parse(self._names[other]) for other in self._references(at)]
        oid, itself = ObjectId.parse(self._names[at]), bool(self._itself[at])
        return Entry(oid, references, itself, self._sizes[at], self._since[at])
