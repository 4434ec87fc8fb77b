"""The dead objects, in the order in which they may go, and the holders of the rest."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from typing import NamedTuple

from store.gc.marking import Marking, by_last_use
from store.gc.policy import Policy
from store.index.reading import Reader
from store.index.schema import COARSE
from store.local.store import Store
from store.system.clock import SKEW, unix_seconds
from store.usage.holders import Holders, gather


class CollectionPlan(NamedTuple):
    """``dead`` are the numbers of objects to delete, each before its references; when uses count,
    ``used`` has the time of each one's last, in Unix seconds. ``live`` objects are held, ``spared``
    ones would be dead but for the policy. Those ``ahead`` were, by their records, used in the
    future."""

    policy: Policy
    holders: Holders
    marking: Marking
    dead: array[int]
    used: array[int] | None
    total: int
    live: int
    spared: int
    ahead: tuple[int, ...] = ()


def make_plan(
    store: Store,
    policy: Policy,
    phase: Callable[[str], None] = lambda name: None,
    *,
    uses: bool = False,
    leaving: Collection[str] = (),
    leaving_links: Collection[str] = (),
) -> CollectionPlan:
    """Look at a snapshot of the store. ``uses`` looks up when each dead object was last used, even
    if the policy does not ask; kept trees that are ``leaving``, by name, keep nothing, and neither
    do ``leaving_links``. Raises CorruptObject when the index is damaged."""
    store.index.prefetch()
    with store.index.read() as txn:
        phase("roots")
        holders = gather(store, txn, policy.unseen_roots, leaving, leaving_links)
        phase("marking")
        marking = Marking(txn, keep_derivations=policy.keep_derivations)
        dead = marking.begin(txn, holders.held())
        if not marking.all_known:
            holders.refuse_unknown(store, txn)
        total, used, spared = txn.objects.count(), None, 0
        ahead: tuple[int, ...] = ()
        live = total - len(dead)
        if uses or policy.bounded or policy.older_than is not None:
            phase("last uses")
            dead, used = _ordered(txn, dead)
            found, ahead = len(dead), _ahead(dead, used)
            dead, used = _not_young(txn, policy, marking, dead, used)
            spared = found - len(dead)
        return CollectionPlan(policy, holders, marking, dead, used, total, live, spared, ahead)


def _ahead(dead: array[int], used: array[int]) -> tuple[int, ...]:
    last = unix_seconds() + SKEW
    return tuple(number for number, when in zip(dead, used, strict=True) if when > last)


def _ordered(txn: Reader, dead: array[int]) -> tuple[array[int], array[int]]:
    order = by_last_use(txn, dead)
    return array("I", [number for _, number in order]), array("I", [used for used, _ in order])


def _not_young(
    txn: Reader, policy: Policy, marking: Marking, dead: array[int], used: array[int]
) -> tuple[array[int], array[int]]:
    """Return the rest of ``dead``, and of its uses, without objects that were used too lately;
    those, and all that they need, are marked."""
    cutoff = policy.cutoff()
    if cutoff is None:
        return dead, used
    # Uses are noted coarsely: the last may have been so much later.
    young = [number for number, when in zip(dead, used, strict=True) if when + COARSE > cutoff]
    marking.hold(txn, young)
    # With what they were built from, more may be needed than is young itself.
    left = [at for at, number in enumerate(dead) if not marking.marks[number]]
    return array("I", [dead[at] for at in left]), array("I", [used[at] for at in left])
