"""Live objects, over integers: a byte for each number, set for live ones."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING

from store.errors import FormatError, InvalidName
from store.index.reading import Reader

if TYPE_CHECKING:
    from store.index.schema import Node


class Marking:
    """The marks of one snapshot, brought up to date with what became held or known since."""

    def __init__(self, txn: Reader, *, keep_derivations: bool = False) -> None:
        self.marks = bytearray(txn.by_number.next_number())
        self.all_known = True
        self._keep_derivations = keep_derivations
        self._position = 0

    def begin(self, txn: Reader, digests: Iterable[bytes]) -> array[int]:
        """Mark the objects with these digests and all that they need, in one look at all there is;
        returns the numbers of those that are registered and not marked, descending: referrers
        first. ``all_known`` says then whether all of the digests are registered."""
        digests = set(digests)
        numbers = txn.objects.numbers_of(digests)
        self.all_known = len(numbers) == len(digests)
        if self._keep_derivations:
            self._spread(txn, numbers)
        else:
            for number in numbers:
                self.marks[number] = 1
        return txn.graph.unmarked(self.marks)

    def hold(self, txn: Reader, numbers: Iterable[int]) -> int:
        """Mark the objects with these numbers, and all that they need; returns how many that were
        not marked."""
        return self._spread(txn, numbers)

    def _spread(self, txn: Reader, numbers: Iterable[int]) -> int:
        fresh = txn.graph.spread(numbers, self.marks)
        count = len(fresh)
        while self._keep_derivations and fresh:
            above = {other for number in fresh for other in built_from(txn, number)}
            fresh = txn.graph.spread(above, self.marks)
            count += len(fresh)
        return count

    def refresh(self, txn: Reader) -> bytearray:
        """Mark objects that were registered since the snapshot, and those that became held while a
        journal is kept; returns the marks."""
        known, after = len(self.marks), txn.by_number.next_number()
        if after > known:
            self.marks.extend(bytes(after - known))
            # All that is new belongs to a process at work; its references must stay.
            self._spread(txn, txn.by_number.numbers(known))
        digests, self._position = txn.journal.since(self._position)
        numbers = map(txn.objects.number_of_digest, digests)
        self._spread(txn, [number for number in numbers if number is not None])
        return self.marks


def built_from(txn: Reader, number: int) -> set[int]:
    """Return the numbers of the objects that an object was built from, by any of its
    realisations."""
    from store.model.derivation import Resolved  # not needed by most runs

    found: set[int] = set()
    for made in txn.realisations.makers(txn.by_number.id(number)):
        node = _node(txn, made.key)
        if isinstance(node, Resolved):
            inputs = node.inputs if node.rootfs is None else (*node.inputs, node.rootfs)
            found.update(n for n in map(txn.objects.number, inputs) if n is not None)
    return found


def _node(txn: Reader, key: bytes) -> Node | None:
    try:
        return txn.nodes.get(key)
    except (FormatError, InvalidName):
        return None  # a record that cannot be read keeps nothing


def by_last_use(txn: Reader, dead: array[int]) -> list[tuple[int, int]]:
    """Return last use (Unix seconds) and number of each dead object, longest ago first.

    An object counts as used when one that refers to it is; so referrers still come first. ``dead``
    is descending.
    """
    used = dict.fromkeys(dead, 0)
    for number in dead:
        own = used[number] = max(used[number], txn.times.last_used(number))
        for other in txn.graph.below(number):
            if own > used.get(other, own):
                used[other] = own
    order = [(used[number], number) for number in dead]
    # Stable, so that of equal ones the greater number, which cannot be referred to, stays first.
    order.sort(key=itemgetter(0))
    return order
