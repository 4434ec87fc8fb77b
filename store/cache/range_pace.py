"""How quickly a range comes, over all of the connections that it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from store.fetch.bounds import Bounds, Slow
from store.quantities import limit_text


class RangePace:
    """The bytes of a range, and the seconds of waiting for them. The caller's own time between two
    parts does not count.

    A connection counts its own bytes: connections that each break after a byte are never slow.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seconds = 0.0
        self._bytes = 0

    def timed(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the parts that one connection brings."""
        while True:
            began = time.monotonic()
            try:
                data = next(parts, b"")
            finally:
                self._seconds += time.monotonic() - began
            if not data:
                return
            self._bytes += len(data)
            yield data

    def check(self) -> None:
        """Begin to count anew after the time that slowness takes; raises Slow for too few bytes."""
        rate, most = self._bounds.slow_rate, self._bounds.slow_time
        if self._seconds >= most:
            if self._bytes < rate * self._seconds:
                raise Slow(f"sent less than {rate} bytes a second for {limit_text(most)}")
            self._seconds, self._bytes = 0.0, 0
