"""The watch over streams: a call in which nothing moves is cancelled."""

from __future__ import annotations

import threading
import time
from typing import Any


class CallWatch:
    """Cancels streams in which nothing moves, from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moved: dict[Any, tuple[float, float]] = {}  # when, and how long it may be silent
        self._stalled: set[Any] = set()
        self._thread: threading.Thread | None = None

    def begin(self, call: Any, silent: float) -> None:
        """Watch a call, which may be silent for so many seconds."""
        with self._lock:
            self._moved[call] = time.monotonic(), silent
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def moved(self, call: Any) -> None:
        """Note that something moved in a call."""
        with self._lock:
            if call in self._moved:
                self._moved[call] = time.monotonic(), self._moved[call][1]

    def stalled(self, call: Any) -> bool:
        """Return whether a call was cancelled here."""
        with self._lock:
            return call in self._stalled

    def end(self, call: Any) -> None:
        """Watch a call no longer."""
        with self._lock:
            self._moved.pop(call, None)
            self._stalled.discard(call)

    def _run(self) -> None:
        while True:
            time.sleep(0.5)
            now = time.monotonic()
            with self._lock:
                late = [call for call, (at, most) in self._moved.items() if now > at + most]
                self._stalled.update(late)
            for call in late:
                call.cancel()
