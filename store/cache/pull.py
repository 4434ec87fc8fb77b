"""Taking objects with all that they refer to from caches: checked before the index knows them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from store.cache.offering import Offers
from store.events import Event
from store.index.writing import Writer
from store.local.leases import Lease
from store.local.store import Store
from store.model.file_tree import Node
from store.model.names import ObjectId

Settle: TypeAlias = Callable[[Writer, Mapping[ObjectId, Node]], None]
"""Adds records of builds in the transaction that registers the objects. It gets the tops of the
trees of those goals that are in the store now: what was signed may name a tree, too."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """``taken`` are the objects that were not here before, references first; ``refused`` the others
    that are missing, each with the reason: a goal whose reference was refused is refused.

    ``damaged`` has a sentence for each lie, with its cache and object, whether another cache had
    the truth or not; ``unusable`` the reasons, by cache, why one is of no use for the rest of the
    run. ``fetched`` are bytes that were transferred, ``written`` those of new files.
    """

    taken: tuple[ObjectId, ...] = ()
    refused: Mapping[ObjectId, str]
    damaged: tuple[str, ...] = ()
    unusable: Mapping[str, str]
    fetched: int = 0
    written: int = 0


def pull(
    store: Store,
    offers: Sequence[Offers],
    goals: Collection[ObjectId],
    *,
    lease: Lease | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    settle: Settle = lambda txn, roots: None,
) -> Pulled:
    """Take the goals with all that they refer to, as far as they are missing here, from the first
    of the caches that has each. All become visible in one transaction.

    The work is done in a forked process, before which each of ``offers`` is closed here. Nothing
    that a cache does is raised. StoreFull, DiskReserve, StoreReadOnly, NotOwner, or another
    StorageError when this store cannot take anything.
    """
    raise NotImplementedError
