"""Taking objects with all that they refer to from caches: checked before the index knows them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from store.cache.head_search import Missing
from store.cache.offering import ObjectOffers
from store.cache.pull_process import EVERY, KEY, PullProcess
from store.cache.transfer import Transferred
from store.errors import StoreError
from store.events import Event, Finished, Started, Tick
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.absence import absent
from store.local.leases import Lease
from store.local.store import Store
from store.model.file_tree import Node
from store.model.names import ObjectId
from store.system.steps import Steps, finish


class PullWork(Protocol):
    """The work of a pull, somewhere. Objects that it put in place are claimed until :meth:`end`."""

    def result(self, missing: Missing, emit: Callable[[Event], None]) -> Steps[Transferred]:
        """Wait for its end, and answer questions until then. Raises the error of this store that
        prevented it."""

    def end(self) -> None:
        """Let it remove its leftovers, as the objects are registered."""

    def cancel(self) -> None:
        """End it at once."""


Begin: TypeAlias = Callable[[Collection[ObjectId], int], PullWork]
"""Begins the work for these objects; so many bytes of disk stay free."""

Settle: TypeAlias = Callable[[Writer, Mapping[ObjectId, Node]], None]
"""Adds records of builds in the transaction that registers the objects. It gets the tops of the
trees of the taken objects, and of the goals that were here: a statement may name a tree."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """``taken`` are the objects that were not here before, references first; ``refused`` the others
    that are missing, each with the reason: a goal whose reference was refused is refused.
    ``failed`` are those that no cache had whole, whatever they refer to.

    ``damaged`` has a sentence for each lie, with its cache and object, whether another cache had
    the truth or not; ``unusable`` the errors, by cache, why one is of no use for the rest of the
    run. ``fetched`` are bytes that were transferred, ``written`` those of new files.
    """

    taken: tuple[ObjectId, ...] = ()
    refused: Mapping[ObjectId, str]
    failed: frozenset[ObjectId] = frozenset()
    damaged: tuple[str, ...] = ()
    unusable: Mapping[str, CacheUnusable]
    fetched: int = 0
    written: int = 0


def pull(
    store: Store,
    offers: Sequence[ObjectOffers],
    goals: Collection[ObjectId],
    *,
    lease: Lease | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    settle: Settle | None = None,
    begin: Begin | None = None,
) -> Pulled:
    """Act as :func:`pulling`, and wait for the end."""
    steps = pulling(store, offers, goals, lease=lease, emit=emit, settle=settle, begin=begin)
    return finish(steps, EVERY, lambda: emit(Tick()))


def pulling(
    store: Store,
    offers: Sequence[ObjectOffers],
    goals: Collection[ObjectId],
    *,
    lease: Lease | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    settle: Settle | None = None,
    begin: Begin | None = None,
    without: Collection[ObjectId] = (),
) -> Steps[Pulled]:
    """Take the goals with all that they refer to, as far as they are missing here, from the first
    of the caches that has each. All become visible in one transaction.

    The work is done in a forked process, before which each of ``offers`` is closed here; or where
    ``begin`` has it done. No cache is asked for objects of ``without``. Nothing that a cache does
    is raised. StoreFull, DiskReserve, StoreReadOnly, NotOwner, or another StoreError when this
    store cannot take anything.
    """
    store.check_writable()

    def missing(oids: Collection[ObjectId]) -> set[ObjectId]:
        lacking = absent(store, oids)
        here = set(oids) - lacking
        # Others get the lease as they are registered: each transaction waits for the disk. An
        # object that is here is looked at once more: the collector may have been quicker.
        if lease is not None and lease.add(here):
            lacking |= absent(store, here)
        return lacking

    lacking = missing(goals)
    lacking |= {*store.objects.lost(oid for oid in goals if oid not in lacking)}
    if not lacking:
        if settle is not None:
            roots = _roots(store, goals, {})
            store.index.write(lambda txn: settle(txn, roots))
        return Pulled(refused={}, unusable={})
    for offer in offers:
        offer.close()
    with store.claims() as claims:
        reserve = store.disk.reserve()
        process: PullWork
        if begin is not None:
            process = begin(lacking, reserve)
        else:
            process = PullProcess(
                store.layout, offers, lacking, claims, reserve, frozenset(without)
            )
        try:
            begun = _begin(emit, lacking, offers)
            got = yield from process.result(missing, emit)
            _register(store, goals, got, settle, lease)
        except BaseException:
            process.cancel()
            raise
        process.end()
    pulled = Pulled(
        taken=tuple(entry.id for entry in got.entries),
        refused=got.refused,
        failed=got.failed,
        damaged=tuple(got.damaged),
        unusable=got.unusable,
        fetched=got.fetched,
        written=got.written,
    )
    emit(_finished(begun, pulled, offers))
    return pulled


def _begin(
    emit: Callable[[Event], None], lacking: Collection[ObjectId], offers: Sequence[ObjectOffers]
) -> float:
    name = next(iter(lacking)).name if len(lacking) == 1 else f"{len(lacking)} objects"
    emit(Started(KEY, f"{name} from {_places(offers)}", "pull", None, None))
    return time.monotonic()


def _finished(begun: float, pulled: Pulled, offers: Sequence[ObjectOffers]) -> Finished:
    count = len(pulled.taken)
    name = f"{count} object{'' if count == 1 else 's'} from {_places(offers)}"
    seconds = time.monotonic() - begun
    return Finished(KEY, name, "pull", seconds, (), size=pulled.fetched, objects=count)


def _places(offers: Sequence[ObjectOffers]) -> str:
    return ", ".join(offer.name for offer in offers)


def _register(
    store: Store,
    goals: Collection[ObjectId],
    got: Transferred,
    settle: Settle | None,
    lease: Lease | None,
) -> None:
    taken = [entry.id for entry in got.entries]
    roots = {} if settle is None else _roots(store, goals, got.roots)

    def transaction(txn: Writer) -> None:
        txn.objects.register_all(got.entries)
        if lease is not None and taken:
            lease.add_within(txn, taken)
        if settle is not None:
            settle(txn, roots)

    store.index.write(transaction)
    if lease is not None:
        lease.note(taken)


def _roots(
    store: Store, goals: Collection[ObjectId], fresh: Mapping[ObjectId, Node]
) -> dict[ObjectId, Node]:
    """Return the tops of the trees of fresh objects, and of the goals that this store has."""
    found = dict(fresh)
    for oid in goals:
        if oid not in found and store.objects.present(oid):
            with contextlib.suppress(StoreError):  # damaged, which is for others to find
                found[oid] = store.objects.manifest(oid).root
    return found
