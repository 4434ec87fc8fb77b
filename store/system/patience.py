"""The time that one cache may hold a run up, shared by all processes of the run."""

from __future__ import annotations

import mmap
import struct
import threading
import time
from typing import Final

PATIENCE: Final = 60.0
"""Seconds that a run waits for a cache in all, where the cache is slow or asks for that."""

SLOW_ANSWER: Final = 2.0
"""Seconds for the beginning of an answer, from which on the run was held up."""

_STATE: Final = struct.Struct("dd")  # seconds until now, and the moment until which they count


class Patience:
    """A bound on the seconds for which a cache holds a run up.

    Several threads and processes wait at once, and such seconds count once. A fork goes on with the
    count of its parent, and the parent sees what it added.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._shared = mmap.mmap(-1, _STATE.size)

    def spend(self, begin: float, end: float) -> bool:
        """Count the seconds from ``begin`` to ``end``, of the monotonic clock; returns False, and
        counts nothing, when that would be too many."""
        with self._lock:
            spent, until = _STATE.unpack(self._shared[:])
            spent += max(0.0, end - max(begin, until))
            if spent > self._seconds:
                return False
            self._shared[:] = _STATE.pack(spent, max(until, end))
            return True

    def pause(self, seconds: float) -> bool:
        """Sleep for so many seconds; returns False at once when that would be too many."""
        now = time.monotonic()
        if not self.spend(now, now + seconds):
            return False
        time.sleep(seconds)
        return True
