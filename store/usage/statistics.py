"""A store in figures."""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from store.errors import storage_error
from store.index.reading import Reader
from store.local.store import Store
from store.model.names import ObjectId
from store.usage.space import BLOCK, walk

CANDIDATES = 8
"""Objects whose closures are measured, those first whose longest chain of references is largest."""

AGES = (("a day", 86400), ("a week", 7 * 86400), ("30 days", 30 * 86400), ("90 days", 90 * 86400))
"""Classes of the time since an object was used last, in seconds; older ones come after."""

OLDER = "longer"


@dataclass(frozen=True)
class Pile:
    """A folder's files: how many entries it has, and their bytes on disk."""

    entries: int
    size: int


@dataclass(frozen=True)
class Closure:
    """``size`` in bytes, shared files counted each time."""

    id: ObjectId
    objects: int
    size: int


@dataclass(frozen=True)
class Statistics:
    """``size`` is the sum of the objects' sizes; ``before`` and ``after`` are bytes on disk without
    and with sharing of files. ``ages`` has objects and bytes by the time since the last use."""

    objects: int
    realisations: int
    roots: int
    files: int
    size: int
    before: int
    after: int
    sources: Pile
    piles: dict[str, Pile]
    closures: tuple[Closure, ...]
    ages: dict[str, tuple[int, int]]

    @property
    def gain(self) -> int:
        """Bytes on disk that sharing saves."""
        return self.before - self.after


def statistics(store: Store, *, closures: int = 5) -> Statistics:
    """Look at all of the store. CorruptObject when the index is damaged."""
    store.index.prefetch()
    with store.index.read() as txn:
        numbers = array("I", txn.by_number.numbers())
        sizes = array("Q", map(txn.by_number.size, numbers))
        ages = _ages(txn, numbers, sizes)
        largest = _largest(txn, numbers, closures)
        counts = txn.realisations.count(), len(txn.roots.all())
        sources = _sources(txn)
    files, before, after = _on_disk(store)
    return Statistics(
        len(numbers),
        *counts,
        files,
        sum(sizes),
        before,
        after,
        sources,
        _piles(store),
        largest,
        ages,
    )


def _ages(txn: Reader, numbers: array[int], sizes: array[int]) -> dict[str, tuple[int, int]]:
    found = {name: (0, 0) for name, _ in (*AGES, (OLDER, 0))}
    now = time.time()
    for number, size in zip(numbers, sizes, strict=True):
        age = now - txn.times.last_used(number)
        name = next((name for name, limit in AGES if age < limit), OLDER)
        found[name] = found[name][0] + 1, found[name][1] + size
    return found


def _largest(txn: Reader, numbers: array[int], count: int) -> tuple[Closure, ...]:
    """Return the largest objects that nothing refers to. All closures would take time that grows as
    their sum."""
    heavy = array("Q", bytes(8 * txn.by_number.next_number()))
    top = bytearray(b"\1") * txn.by_number.next_number()
    for number in numbers:
        most = 0
        for other in txn.graph.below(number):
            top[other] = 0
            most = max(most, heavy[other])
        heavy[number] = txn.by_number.size(number) + most
    tops = sorted((n for n in numbers if top[n]), key=lambda n: -heavy[n])[:CANDIDATES]
    found = [_closure(txn, number) for number in tops]
    return tuple(sorted(found, key=lambda item: (-item.size, item.id))[:count])


def _closure(txn: Reader, number: int) -> Closure:
    below = txn.graph.spread([number], bytearray(txn.by_number.next_number()))
    return Closure(txn.by_number.id(number), len(below), sum(map(txn.by_number.size, below)))


def _sources(txn: Reader) -> Pile:
    fetched = {
        number: txn.by_number.size(number)
        for record in txn.realisations.all()
        if record.level == "fetch" and (number := txn.objects.number(record.object)) is not None
    }
    return Pile(len(fetched), sum(fetched.values()))


def _on_disk(store: Store) -> tuple[int, int, int]:
    """Return files, bytes if none was shared, and bytes as they are. StorageError when that is not
    for this user to see: no figures would be wrong ones."""
    try:
        os.scandir(store.layout.objects).close()
    except OSError as error:
        raise storage_error(error, "cannot look at the objects") from error
    files = before = after = 0
    seen: set[int] = set()
    for found in walk(f"{store.layout.objects}/"):  # wherever a link there leads
        size = found.st_blocks * BLOCK
        before += size
        if stat.S_ISDIR(found.st_mode):
            after += size
            continue
        files += 1
        if found.st_nlink > 1:
            if found.st_ino in seen:
                continue
            seen.add(found.st_ino)
        after += size
    return files, before, after


def _piles(store: Store) -> dict[str, Pile]:
    layout = store.layout
    places = {
        "logs": layout.logs,
        "manifests": layout.manifests,
        "index": layout.index,
        "trash": layout.trash,
        "quarantine": layout.quarantine,
        "failed": layout.failed,
        "audits": layout.audits,
        "partial": layout.partial,
        "bad": layout.bad,
        "tmp": layout.tmp,
    }
    return {name: _pile(path) for name, path in places.items()}


def _pile(path: str) -> Pile:
    try:
        entries = len(os.listdir(path))
    except FileNotFoundError:
        return Pile(0, 0)
    except PermissionError:
        entries = 0  # the owner's alone; as in the walk, what cannot be read does not count
    return Pile(entries, _taken(walk(f"{path}/")))


def _taken(found: Iterable[os.stat_result]) -> int:
    inodes = {item.st_ino: item.st_blocks * BLOCK for item in found}
    return sum(inodes.values())
