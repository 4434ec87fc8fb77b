"""What takes the space, and who keeps it: bytes on disk by object and by holder.

Everything is looked at once: each entry of the index, and each file. An inode that several objects
have is freed when the last of them goes, so it counts for a holder only if nobody else keeps one
of them.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from store.gc.holders import Holder, gather
from store.gc.space import BLOCK, walk
from store.index.reading import Reader
from store.model.names import ObjectId
from store.store import Store

NOBODY = -1
SEVERAL = -2

EVERY = 1000
"""Objects between two reports of progress."""


@dataclass(slots=True)
class Share:
    """What one object takes, in bytes on disk but for ``apparent``, its files' own sizes.

    ``exclusive`` would be freed if the object went alone; ``shared`` are of inodes that other
    objects have, too; ``fair`` counts of those a part by the number of names, so that the sum over
    the store is what it takes. ``owner`` is the position of its only holder, or NOBODY or SEVERAL.
    """

    id: ObjectId
    apparent: int
    owner: int
    exclusive: int = 0
    shared: int = 0
    fair: float = 0.0
    unshared: int = 0
    files: int = 0

    @property
    def total(self) -> int:
        """Bytes that the object takes, shared ones in full."""
        return self.exclusive + self.shared


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
    """``shares`` by size, the largest first; ``held`` those that free most first, as many as were
    asked for of ``holders``; ``total`` and ``unshared`` bytes on disk as it is, and if no two
    objects shared a file."""

    shares: list[Share] = field(default_factory=list)
    holders: tuple[Holder, ...] = ()
    held: list[Held] = field(default_factory=list)
    total: int = 0
    unshared: int = 0
    dead: int = 0
    """Bytes on disk that only objects take that nothing keeps."""


def account(
    store: Store,
    oids: Iterable[ObjectId] | None = None,
    *,
    top: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Account:
    """Look at the objects and all that they refer to, or at the whole store; holders are looked at
    in the latter case alone, and the ``top`` ones of them closer.

    Raises UnknownObject, and CorruptObject when the index is damaged.
    """
    found = Account()
    if oids is None:
        store.index.prefetch()
    with store.index.read() as txn:
        alive = gather(store, txn).alive
        owners = _owners(txn, alive)
        numbers = array("I", txn.numbers() if oids is None else _closure(txn, oids))
        sizes = _Sizes(txn)
        found.shares = [Share(txn.id(n), sizes.of[n], owners[n]) for n in numbers]
    found.holders = alive if oids is None else ()
    freed = _look(store, found, progress)
    if oids is None:
        order = sorted(range(len(alive)), key=lambda at: -freed.get(at, 0))[:top]
        found.dead = freed.get(NOBODY, 0)
        with store.index.read() as txn:
            sizes.extend(txn)
            marks = bytearray(txn.next_number())
            found.held = [_held(txn, alive[at], freed.get(at, 0), sizes, marks) for at in order]
    found.shares.sort(key=lambda share: (-share.total, share.id))
    return found


def _closure(txn: Reader, oids: Iterable[ObjectId]) -> array[int]:
    return txn.spread(map(txn.known, oids), bytearray(txn.next_number()))


def _owners(txn: Reader, alive: Iterable[Holder]) -> array[int]:
    """For each number, who alone keeps the object. References have smaller numbers."""
    owners = array("i", [NOBODY]) * txn.next_number()
    for at, holder in enumerate(alive):
        for oid in holder.objects:
            number = txn.number(oid)
            if number is not None:
                owners[number] = _joined(owners[number], at)
    for number in reversed(array("I", txn.numbers())):
        own = owners[number]
        if own != NOBODY:
            for other in txn.below(number):
                owners[other] = _joined(owners[other], own)
    return owners


def _joined(first: int, second: int) -> int:
    if second in (NOBODY, first):
        return first
    return second if first == NOBODY else SEVERAL


class _Sizes:
    """``of`` has the size in bytes of the object of each number, looked up once for all: most are
    in many closures."""

    def __init__(self, txn: Reader) -> None:
        self.of = array("Q")
        self.extend(txn)

    def extend(self, txn: Reader) -> None:
        """Look at what was registered since."""
        known = len(self.of)
        self.of.extend(bytes(txn.next_number() - known))
        for number in txn.numbers(known):
            self.of[number] = txn.size(number)


def _held(txn: Reader, holder: Holder, frees: int, sizes: _Sizes, marks: bytearray) -> Held:
    """``marks`` are none before and after: to make them anew takes as long as a small closure."""
    roots = [number for oid in holder.objects if (number := txn.number(oid)) is not None]
    below = txn.spread(roots, marks)
    for number in below:
        marks[number] = 0
    return Held(holder, len(below), sum(map(sizes.of.__getitem__, below)), frees)


# -- on disk --


def _look(store: Store, found: Account, progress: Callable[[int, int], None]) -> dict[int, int]:
    """Fill in what the objects take; returns what would be freed, by owner."""
    freed: dict[int, int] = {}
    inodes: dict[int, list[int]] = {}
    for done, share in enumerate(found.shares):
        _look_at(store, share, inodes)
        freed[share.owner] = freed.get(share.owner, 0) + share.exclusive
        found.total += share.exclusive
        found.unshared += share.unshared
        if done % EVERY == 0:
            progress(done, len(found.shares))
    for size, owner, unseen in inodes.values():
        found.total += size
        if unseen == 0:
            freed[owner] = freed.get(owner, 0) + size
    return freed


def _look_at(store: Store, share: Share, inodes: dict[int, list[int]]) -> None:
    """``inodes`` has of each shared one its size, its owner, and how many names were not seen."""
    own: dict[int, tuple[int, int, int]] = {}
    for found in walk(store.layout.object(share.id)):
        size, folder = found.st_blocks * BLOCK, stat.S_ISDIR(found.st_mode)
        share.unshared += size
        share.files += not folder
        if folder or found.st_nlink <= 2:
            share.exclusive += size
        else:
            links = found.st_nlink - 1  # one is below links/
            own[found.st_ino] = size, links, own.get(found.st_ino, (0, 0, 0))[2] + 1
    share.fair = float(share.exclusive)
    for inode, (size, links, names) in own.items():
        if names >= links:
            share.exclusive += size
            share.fair += size
            continue
        share.shared += size
        share.fair += size * names / links
        entry = inodes.setdefault(inode, [size, NOBODY, links])
        entry[1] = _joined(entry[1], share.owner)
        entry[2] -= names
    manifest = _blocks(store.layout.manifest(share.id))
    share.exclusive += manifest
    share.unshared += manifest
    share.fair += manifest


def _blocks(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * BLOCK
    except FileNotFoundError:
        return 0
