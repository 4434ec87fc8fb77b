"""The holders of objects: roots, leases, running processes, and kept trees of failed builds."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from store.display import printable
from store.index import holder
from store.index.reading import Reader
from store.index.schema import LeaseRecord, damaged
from store.layout.kept import kept_trees
from store.local.root_snapshot import LINK, UNSEEN, NamedRoot, RootSnapshot
from store.local.roots import link_name
from store.local.store import Store
from store.model.names import ObjectId
from store.usage import processes
from store.usage.processes import Usage


class HolderKind(Enum):
    """By what something is held."""

    ROOT = "root"
    LINK = "link"
    LEASE = "lease"
    PROCESS = "process"
    TREE = "tree"


class Holder(NamedTuple):
    """``name`` is a root's name, a link's path, a process's id and name, or the path of a tree."""

    kind: HolderKind
    name: str
    objects: tuple[ObjectId, ...]

    def __str__(self) -> str:
        return f"{self.kind.value} {printable(self.name)}"


class Holders(NamedTuple):
    """The holders: ``roots``, and ``others``.

    ``dead`` are roots whose link is missing or leads elsewhere, ``stale`` the leases of ended
    processes, ``unseen`` processes that could not be looked at.
    """

    roots: RootSnapshot
    others: tuple[Holder, ...]
    dead: tuple[NamedRoot, ...]
    stale: int
    unseen: int

    @property
    def alive(self) -> tuple[Holder, ...]:
        """All that hold something, one by one; roots first."""
        return (*_rooted(self.roots.named()), *self.others)

    def held(self) -> Iterator[bytes]:
        """Yield the digests of all that is held, some several times."""
        yield from self.roots.held()
        for other in self.others:
            for oid in other.objects:
                yield oid.digest

    def refuse_unknown(self, store: Store, txn: Reader) -> None:
        """Raise CorruptObject when the index does not know the object of one of its roots: a live
        object would be taken for dead. A link may be newer than the snapshot ``txn``, or have been
        made by hand to a missing object."""
        for root in self.roots.named():
            oid = root.holds
            if oid is None or oid != root.recorded or txn.objects.has(oid):
                continue
            if root.path is None or os.path.lexists(store.layout.object(oid)):
                raise damaged(
                    "roots", f"{root.path or root.name} keeps {oid}, which is not registered"
                )


def gather(
    store: Store,
    txn: Reader,
    patience: float = UNSEEN,
    leaving: Collection[str] = (),
    leaving_links: Collection[str] = (),
) -> Holders:
    """Return everything that holds an object of the snapshot ``txn``; links that are out of sight,
    for ``patience`` seconds. Kept trees with a name in ``leaving`` are about to go, as are the
    roots of ``leaving_links``."""
    roots = store.roots.snapshot(txn, patience, leaving_links)
    dead = tuple(roots.dead())
    for root in dead:
        if root.path is not None and root.name != link_name(root.path):
            # Not the path that it was recorded with: the link may stand.
            raise damaged("roots", f"{root.name} is not the name of the link {root.path}")
    leases = list(txn.leases.all().values())
    usage = processes.in_use()
    living = [lease for lease in leases if holder.alive(lease)]
    others = (*_leased(living), *_used(usage, txn), *_entered(store, txn, leaving))
    return Holders(roots, others, dead, len(leases) - len(living), len(usage.unseen))


def _rooted(roots: Sequence[NamedRoot]) -> Iterator[Holder]:
    for root in roots:
        if root.holds is not None:
            kind = HolderKind.LINK if root.name.startswith(LINK) else HolderKind.ROOT
            yield Holder(kind, root.path or root.name, (root.holds,))


def _leased(leases: Sequence[LeaseRecord]) -> Iterator[Holder]:
    for lease in leases:
        yield Holder(HolderKind.LEASE, f"of process {lease.pid}", lease.held)


def _used(usage: Usage, txn: Reader) -> Iterator[Holder]:
    for pid, digests in usage.digests.items():
        numbers = {number for each in digests if (number := txn.objects.number_of_digest(each))}
        if numbers:
            yield Holder(
                HolderKind.PROCESS, f"{pid} ({usage.names[pid]})", tuple(txn.by_number.ids(numbers))
            )


def _entered(store: Store, txn: Reader, leaving: Collection[str]) -> Iterator[Holder]:
    for tree in kept_trees(store.layout):
        needs = tuple(filter(txn.objects.has, tree.needs))
        if needs and tree.name not in leaving:
            yield Holder(HolderKind.TREE, f"{store.layout.failed}/{tree.name}", needs)
