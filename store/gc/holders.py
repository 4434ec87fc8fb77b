"""What keeps objects alive: roots, leases, and running processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from store.gc import processes
from store.gc.processes import Usage
from store.holding import LINK, NamedRoot
from store.index import holder
from store.index.reading import Reader
from store.index.schema import Lease
from store.model.names import ObjectId
from store.store import Store


class Kind(Enum):
    """By what something is held."""

    ROOT = "root"
    LINK = "link"
    LEASE = "lease"
    PROCESS = "process"


class Holder(NamedTuple):
    """``name`` is a root's name, a link's path, or a process's id and name."""

    kind: Kind
    name: str
    objects: tuple[ObjectId, ...]

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


class Holders(NamedTuple):
    """Who holds something; ``dead`` are roots whose link is gone or leads elsewhere, ``stale`` the
    leases of processes that are gone, ``unseen`` processes that could not be looked at."""

    alive: tuple[Holder, ...]
    dead: tuple[NamedRoot, ...]
    stale: int
    unseen: int


def gather(store: Store, txn: Reader) -> Holders:
    """Everything that holds an object of the snapshot ``txn``."""
    roots = store.roots_in(txn)
    leases = list(txn.leases().values())
    usage = processes.in_use()
    living = [lease for lease in leases if holder.alive(lease)]
    alive = (*_rooted(roots), *_leased(living), *_used(usage, txn))
    dead = tuple(root for root in roots if root.holds is None)
    return Holders(alive, dead, len(leases) - len(living), len(usage.unseen))


def _rooted(roots: Sequence[NamedRoot]) -> Iterator[Holder]:
    for root in roots:
        if root.holds is not None:
            kind = Kind.LINK if root.name.startswith(LINK) else Kind.ROOT
            yield Holder(kind, root.path or root.name, (root.holds,))


def _leased(leases: Sequence[Lease]) -> Iterator[Holder]:
    for lease in leases:
        yield Holder(Kind.LEASE, f"of process {lease.pid}", lease.held)


def _used(usage: Usage, txn: Reader) -> Iterator[Holder]:
    for pid, digests in usage.digests.items():
        numbers = {number for each in digests if (number := txn.number_of_digest(each))}
        if numbers:
            yield Holder(Kind.PROCESS, f"{pid} ({usage.names[pid]})", tuple(txn.ids(numbers)))
