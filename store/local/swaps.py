"""Leftovers of a process that was killed while it put an object in place, or replaced one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from store.local.store import Store
from store.model.names import ObjectId
from store.objects.placing import clear_swap, exclusive, swapped
from store.system.durable import sync_folder


def clear_leftovers(store: Store) -> None:
    """Remove the leftovers of killed processes in the store directory and in ``tmp/``; and nothing
    of those that go on."""
    store.workspaces.remove_stale()
    left = swapped(os.listdir(store.layout.objects))
    if left:
        aside = store.workspaces.make()
        clear_swaps(store, sorted(left), aside)
        # After a power cut, nothing half-removed may be in the store directory.
        for path in (store.layout.objects, aside):
            sync_folder(path)
        store.workspaces.remove(aside)


def clear_swaps(store: Store, oids: Iterable[ObjectId], aside: str) -> None:
    """Move the leftovers of killed swaps of these objects to the folder ``aside``. A swap that goes
    on is waited for, and leaves nothing."""
    with exclusive(store.layout) as folder:
        with store.index.read() as txn:
            known = {oid: txn.objects.has(oid) for oid in oids}
        for oid, needed in known.items():
            # Objects that cannot be moved are met again by the next run; others do not wait for
            # them.
            with contextlib.suppress(OSError):
                clear_swap(store.layout, oid, aside, folder, known=needed)
