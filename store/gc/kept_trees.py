"""Trees that were kept to be looked at, and have been for long: of failed builds, and of audits
that found differences.

A tree goes when it was neither kept nor entered within ``kept-older-than`` (two weeks), or within
an ``older-than`` that is asked for; never while somebody is in it. Until then its inputs live.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.gc.policy import Policy
from store.layout.kept import kept_trees
from store.layout.paths import Layout
from store.system.clock import age
from store.system.locks import DirectoryLock


@dataclass(frozen=True)
class Expired:
    """An entry of ``failed/`` or ``audits/`` whose time is over; ``hold`` keeps others out."""

    folder: str
    name: str
    changed: float
    hold: DirectoryLock | None = None

    @property
    def path(self) -> str:
        """Where it lies."""
        return f"{self.folder}/{self.name}"


@contextlib.contextmanager
def expired(layout: Layout, policy: Policy) -> Iterator[list[Expired]]:
    """Yield the trees to remove, the longest kept first: nobody is in one, and nobody can enter it
    meanwhile."""
    found = sorted(_old(layout, policy), key=lambda item: item.changed)
    try:
        yield found
    finally:
        for item in found:
            if item.hold is not None:
                item.hold.release()


def leaving(layout: Layout, items: Sequence[Expired]) -> frozenset[str]:
    """Return the names of the trees of failed builds among these: they keep nothing any more."""
    return frozenset(item.name for item in items if item.folder == layout.failed)


def _old(layout: Layout, policy: Policy) -> Iterator[Expired]:
    least = policy.kept_older_than if policy.older_than is None else policy.older_than
    now = time.time()
    for tree in kept_trees(layout):
        if age(tree.changed, now) >= least:
            held, hold = _hold(f"{layout.failed}/{tree.name}")
            if not held:
                yield Expired(layout.failed, tree.name, tree.changed, hold)
    for name in _list(layout.audits):
        with contextlib.suppress(OSError):
            status = os.lstat(f"{layout.audits}/{name}")
            changed = max(status.st_mtime, status.st_ctime)
            if age(changed, now) >= least:
                # No lock: others could take one here. An audit puts what it finds in place whole.
                yield Expired(layout.audits, name, changed)


def _hold(path: str) -> tuple[bool, DirectoryLock | None]:
    """Return whether somebody is in the tree; and the hold of it, if it is a folder."""
    try:
        return False, DirectoryLock(path)
    except BlockingIOError:
        return True, None
    except OSError:
        return False, None  # no folder, or not for anybody to open


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
