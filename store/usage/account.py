"""Bytes on disk by object and by holder.

Everything is looked at once: each entry of the index, and each file. An inode that several objects
have is freed when the last of them is deleted. So it counts for a holder only if nobody else keeps
one of them.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from store.errors import storage_error
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.store import Store
from store.model.names import ObjectId
from store.reporting import Count, uncounted
from store.usage.holders import Holder, gather
from store.usage.shares import NOBODY, SEVERAL, Shares
from store.usage.space import BLOCK, walk

EVERY = 1000
"""Objects between two reports of progress."""

CROWD = 20_000
"""Objects whose names are looked up together."""


@dataclass(frozen=True)
class Held:
    """A holder, with how many objects it keeps and their bytes (apparent), and the bytes on disk
    that would be freed if it let go."""

    holder: Holder
    objects: int
    closure: int
    frees: int


@dataclass
class Account:
    """``held`` are those of the ``holders`` that free most, as many as were asked for, and ``rest``
    the others with what each frees; the most first. ``total`` and ``unshared`` are bytes on disk as
    it is, and if no two objects shared a file."""

    shares: Shares
    holders: tuple[Holder, ...] = ()
    held: list[Held] = field(default_factory=list)
    rest: list[tuple[Holder, int]] = field(default_factory=list)
    total: int = 0
    unshared: int = 0
    dead: int = 0
    """Bytes on disk that only objects take that nothing keeps."""


def account(
    store: Store,
    oids: Iterable[ObjectId] | None = None,
    *,
    top: int | None = None,
    progress: Count = uncounted,
) -> Account:
    """Look at the objects and all that they refer to, or at the whole store; holders are looked at
    in the latter case alone, and the ``top`` ones of them closer: closures take time that grows as
    their sum.

    Raises UnknownObject, StoreReadOnly when they are not for this user to see, and CorruptObject
    when the index is damaged.
    """
    if oids is None:
        store.index.prefetch()
    with store.index.read() as txn:
        alive = gather(store, txn).alive if oids is None else ()
        numbers = array("I", txn.by_number.numbers() if oids is None else _closure(txn, oids))
        owners = _owners(txn, numbers, alive)
        sizes = array("Q", map(txn.by_number.size, numbers))
        # Some at a time, as their records take more than they do.
        starts = range(0, len(numbers), CROWD)
        names = [name for at in starts for name in txn.by_number.names(numbers[at : at + CROWD])]
    found = Account(Shares(names, sizes, owners), alive)
    try:
        freed = _look(store.layout, found, progress)
    except PermissionError as error:
        raise storage_error(error, "cannot look at the objects") from error
    if oids is None:
        found.dead = freed.get(NOBODY, 0)
        order = sorted(range(len(alive)), key=lambda at: -freed.get(at, 0))
        most = [(alive[at], freed.get(at, 0)) for at in order]
        found.held, found.rest = _held(store, most[:top], progress), most[len(most[:top]) :]
    return found


def _closure(txn: Reader, oids: Iterable[ObjectId]) -> array[int]:
    return txn.graph.spread(map(txn.objects.known, oids), bytearray(txn.by_number.next_number()))


def _owners(txn: Reader, numbers: array[int], alive: Sequence[Holder]) -> array[int]:
    """Return, for each of the numbers, the only holder of the object. References have smaller
    numbers."""
    if not alive:
        return array("i", [NOBODY]) * len(numbers)
    owners = array("i", [NOBODY]) * txn.by_number.next_number()
    for at, holder in enumerate(alive):
        for oid in holder.objects:
            number = txn.objects.number(oid)
            if number is not None:
                owners[number] = _joined(owners[number], at)
    for number in reversed(numbers):
        own = owners[number]
        if own != NOBODY:
            for other in txn.graph.below(number):
                owners[other] = _joined(owners[other], own)
    return array("i", map(owners.__getitem__, numbers))


def _joined(first: int, second: int) -> int:
    if second in (NOBODY, first):
        return first
    return second if first == NOBODY else SEVERAL


def _held(store: Store, holders: Sequence[tuple[Holder, int]], progress: Count) -> list[Held]:
    found = []
    with store.index.read() as txn:
        # Looked up once for all, as most are in many closures.
        sizes = array("Q", bytes(8 * txn.by_number.next_number()))
        for known in txn.by_number.numbers():
            sizes[known] = txn.by_number.size(known)
        marks = bytearray(txn.by_number.next_number())
        for done, (holder, frees) in enumerate(holders):
            progress("holder", done, len(holders))
            roots = [
                number for oid in holder.objects if (number := txn.objects.number(oid)) is not None
            ]
            below = txn.graph.spread(roots, marks)
            # To make all marks anew takes as long as a small closure.
            for known in below:
                marks[known] = 0
            size = sum(map(sizes.__getitem__, below))
            found.append(Held(holder, len(below), size, frees))
    return found


# -- on disk --


class _Inodes:
    """Inodes that several objects share: of each its size, its owner, and how many names were not
    seen."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self.sizes = array("Q")
        self.owners = array("i")
        self.unseen = array("I")

    def add(self, inode: int, size: int, links: int, owner: int, names: int) -> None:
        """Add an inode of which an object has ``names`` of the ``links`` that it has in all."""
        place = self._places.setdefault(inode, len(self.sizes))
        if place == len(self.sizes):
            self.sizes.append(size)
            self.owners.append(NOBODY)
            self.unseen.append(links)
        self.owners[place] = _joined(self.owners[place], owner)
        self.unseen[place] = max(0, self.unseen[place] - names)


def _look(layout: Layout, found: Account, progress: Count) -> dict[int, int]:
    """Fill in the space of the objects; returns the bytes that would be freed, by owner."""
    freed: dict[int, int] = {}
    inodes = _Inodes()
    shares = found.shares
    for done, (name, owner) in enumerate(zip(shares.names, shares.owners, strict=True)):
        exclusive, unshared = _look_at(layout, name, owner, shares, inodes)
        freed[owner] = freed.get(owner, 0) + exclusive
        found.total += exclusive
        found.unshared += unshared
        if done % EVERY == 0:
            progress("object", done, len(shares.names))
    for size, owner, unseen in zip(inodes.sizes, inodes.owners, inodes.unseen, strict=True):
        found.total += size
        if unseen == 0:
            freed[owner] = freed.get(owner, 0) + size
    shares.put_in_order()
    return freed


def _look_at(
    layout: Layout, name: str, owner: int, shares: Shares, inodes: _Inodes
) -> tuple[int, int]:
    """Record the space of an object; returns its own, and all of it."""
    exclusive = unshared = _blocks(f"{layout.manifests}/{name}")
    shared = files = 0
    own: dict[int, tuple[int, int, int]] = {}
    for found in walk(f"{layout.objects}/{name}"):
        size, folder = found.st_blocks * BLOCK, stat.S_ISDIR(found.st_mode)
        unshared += size
        files += not folder
        if folder or found.st_nlink == 1:
            exclusive += size
        else:
            links = found.st_nlink
            own[found.st_ino] = size, links, own.get(found.st_ino, (0, 0, 0))[2] + 1
    part = 0.0
    for inode, (size, links, names) in own.items():
        if names >= links:
            exclusive += size
            continue
        shared += size
        part += size * names / links
        inodes.add(inode, size, links, owner, names)
    shares.add(exclusive, shared, exclusive + part, files)
    return exclusive, unshared


def _blocks(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * BLOCK
    except FileNotFoundError:
        return 0
