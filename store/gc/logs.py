"""Logs that nobody needs any more, and those beyond a bound for all.

A log is *alive* while an object that its key was realised to is in the store. A dead one (its build
failed, or its object is missing) goes when it is old, and at once when the disk is short. Beyond
the bound for all of them the dead go first, and then the live, the oldest before the others. A log
goes only with the lock of its key: no running build loses its own.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from store.gc.policy import Policy
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.store import Store
from store.system.beneath import FOLDER
from store.system.clock import age
from store.system.locks import position

_NAME: Final = re.compile("[0-9a-f]{64}")
_BLOCK: Final = 512


@dataclass(frozen=True)
class LogFile:
    """A log: its key, bytes on disk, when it was written last (Unix seconds), and its inode."""

    key: bytes
    size: int
    changed: float
    inode: int
    alive: bool

    def remove(self, store: Store) -> int:
        """Remove it, unless a build of its key runs or it is another by now; returns the bytes
        freed."""
        lock = store.try_lock(position(self.key))
        if lock is None:
            return 0
        try:
            folder = os.open(store.layout.logs, FOLDER)
            try:
                return self._remove(folder)
            finally:
                os.close(folder)
        except OSError:
            return 0  # not there, or not ours to remove: the next run tries again
        finally:
            lock.release()

    def _remove(self, folder: int) -> int:
        name = self.key.hex()
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino != self.inode:
            return 0
        os.unlink(name, dir_fd=folder)
        return self.size


def removable(store: Store, policy: Policy) -> list[LogFile]:
    """Yield the logs to remove, in order; some of them may be of builds that run, and stay then."""
    with store.index.read() as txn:
        logs = sorted(_logs(store.layout, txn), key=lambda log: (log.alive, log.changed))
    now, over = time.time(), sum(log.size for log in logs) - policy.logs_size
    chosen = []
    for log in logs:
        if over > 0 or (not log.alive and age(log.changed, now) >= _least_age(policy)):
            chosen.append(log)
            over -= log.size
    return chosen


def _least_age(policy: Policy) -> float:
    """Return seconds for which a dead log is kept."""
    if policy.older_than is not None:
        return policy.older_than
    return 0.0 if policy.keep_free is not None else policy.logs_older_than


def _logs(layout: Layout, txn: Reader) -> Iterator[LogFile]:
    try:
        folder = os.open(layout.logs, FOLDER)
    except OSError:
        return
    try:
        for name in filter(_NAME.fullmatch, os.listdir(folder)):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                key = bytes.fromhex(name)
                size = status.st_blocks * _BLOCK
                alive = any(map(txn.objects.has, txn.realisations.made_of(key)))
                yield LogFile(key, size, status.st_mtime, status.st_ino, alive)
    finally:
        os.close(folder)
