"""Removing what a job left behind, and telling of it when that takes long."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from store.events import Event, Removed, Removing
from store.jobs.job import Job
from store.jobs.process import Send
from store.system import removing
from store.system.tree_removal import Watch

if TYPE_CHECKING:
    from store.local.store import Store

PATIENCE: Final = 1.0
"""Seconds of a removal before it is reported, and between two events of it."""


STALE: Final = b"stale"
"""The key of the events of :func:`remove_stale_work`."""


def remove_work(job: Job, send: Send) -> None:
    """Remove the work folder of a job. OSError when something of it is left."""
    removing.remove(job.work_dir, telling(job.digest, job.node.name, send))


def remove_stale_work(store: Store, emit: Callable[[Event], None]) -> None:
    """Remove what earlier runs left that were killed."""
    told: list[Removing] = []

    def tell(event: Removing) -> None:
        told.append(event)
        emit(event)

    store.workspaces.remove_stale(telling(STALE, "an earlier run", tell))
    if told:
        emit(Removed(STALE))


def telling(key: bytes, name: str, send: Callable[[Removing], None]) -> Watch:
    """Send ``Removing`` events for as long as the removal goes on, about one in ``PATIENCE``."""
    last = time.monotonic()

    def watch(files: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PATIENCE:
            last = now
            # That nobody listens any more ends no removal.
            with contextlib.suppress(OSError):
                send(Removing(key, name, files))

    return watch
