"""Deleting chosen objects: only those that nothing keeps."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from store.errors import StillAlive
from store.gc.collector import CollectionOutcome, Collector
from store.gc.plan import CollectionPlan, make_plan
from store.gc.policy import Policy
from store.local.store import Store
from store.model.names import ObjectId
from store.reporting import SILENT, Reporter
from store.usage.holders import HolderKind
from store.usage.why import why_alive

_LETTING_GO = {
    HolderKind.ROOT: "remove it with `store root remove`",
    HolderKind.LINK: "remove the link, or the root with `store root remove` and its path",
    HolderKind.LEASE: "try again when that process has ended",
    HolderKind.PROCESS: "try again when that process has ended",
}
"""How each kind of holder is done with."""


def delete(
    store: Store, oids: Sequence[ObjectId], reporter: Reporter = SILENT
) -> CollectionOutcome:
    """Delete the objects and all that refers to them, which is as dead as they are.

    StillAlive, and nothing is deleted, when one of them is kept; UnknownObject; Busy. Objects that
    the system does not let go of are in the outcome's ``undeleted``, and stay whole with all that
    they need.
    """
    collector = Collector(store, reporter)
    with collector.alone():
        plan = make_plan(store, Policy())
        for oid in oids:
            _refuse_alive(store, plan, oid)
        with store.index.read() as txn:
            numbers = [txn.objects.known(oid) for oid in txn.graph.referrers_closure(oids)]
        # Greater numbers first: a referrer has a greater one.
        collector.delete(array("I", sorted(numbers, reverse=True)), plan.marking)
    gone = {*collector.outcome.deleted, *collector.outcome.undeleted}
    left = [] if collector.outcome.undeleted else [oid for oid in oids if oid not in gone]
    if left:
        raise StillAlive(f"{left[0]} has just come into use", hint="try again when it is not")
    return collector.outcome


def _refuse_alive(store: Store, plan: CollectionPlan, oid: ObjectId) -> None:
    with store.index.read() as txn:
        if not plan.marking.marks[txn.objects.known(oid)]:
            return
    chain = why_alive(store, oid)
    if chain is None:
        return  # its holder has just let it go
    way = " -> ".join(str(each) for each in chain.objects)
    raise StillAlive(
        f"{oid} is kept by the {chain.holder}" + (f": {way}" if len(chain.objects) > 1 else ""),
        hint=_LETTING_GO[chain.holder.kind],
    )
