"""The cost of one source, bounded before its next locator is tried. A server can be as bad as it
likes."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from store.model.locators import without
from store.quantities import limit_text

HEAD_LIMIT: Final = 256 << 10
"""Bytes of all the heads of one answer: interim ones, a proxy's and redirects' among them."""

OVERHEAD: Final = 64 << 10
"""Bytes of framing that a body may bring besides as many as it has itself."""


ALIVE_INTERVAL: Final = 0.2
"""Seconds between two signs of life."""

SIZE_VARIABLE: Final = "STORE_LARGEST_SOURCE"
"""Names the bytes that a source may have at most, where those of :class:`Bounds` are too few."""


def _largest() -> int:
    """Return the bytes that ``$STORE_LARGEST_SOURCE`` says, as in ``20G``; 16 GiB when it is not
    set, or is no size."""
    text = os.environ.get(SIZE_VARIABLE, "").strip()
    match = re.fullmatch(r"([0-9]{1,15}) ?([KMGT]?)(i?B)?", text, re.ASCII)
    return int(match[1]) << 10 * " KMGT".index(match[2] or " ") if match else 16 << 30


@dataclass(frozen=True)
class Bounds:
    """Times in seconds, sizes in bytes.

    ``connect`` is for a name, its addresses and TLS; ``head`` for the answer's head after that,
    redirects included. A server that sends fewer than ``slow_rate`` bytes a second for
    ``slow_time`` is left. So is one from which no byte comes for ``silent``. ``answer`` is for one
    visit to one URL, ``whole`` for all.
    """

    connect: float = 15.0
    head: float = 30.0
    slow_rate: int = 1024
    slow_time: float = 30.0
    silent: float = math.inf
    answer: float = 2 * 3600.0
    whole: float = 12 * 3600.0
    size: int = field(default_factory=_largest)


class Permanent(Exception):
    """Asking again would bring the same answer. ``hint`` names a remedy."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


class Transient(Exception):
    """Another try may succeed; ``after`` is how many seconds the server asks us to wait."""

    def __init__(self, reason: str, after: float = 0.0, hint: str | None = None) -> None:
        super().__init__(reason)
        self.after = after
        self.hint = hint


class Slow(Transient):
    """It took too long: another try costs as much again."""


class SilentServer(Slow):
    """No byte came for as long as is allowed: it is not asked again."""


class Exchange:
    """One visit to one URL: how long it may wait, and how many bytes may come.

    It begins in its head; :meth:`begin_body` ends that. Time counts towards slowness only while the
    network is waited for, so that a slow disk is no fault of a server. ``alive`` is called when it
    begins and when something came, but not for each byte.
    """

    def __init__(
        self, bounds: Bounds, deadline: float, alive: Callable[[], None] = lambda: None
    ) -> None:
        self.bounds = bounds
        self._alive = alive
        self._told = -math.inf  # when that was called last
        self._silence = 0.0  # seconds waited for since the last byte
        self.deadline = min(deadline, time.monotonic() + bounds.answer)
        self._head_end = min(self.deadline, time.monotonic() + bounds.connect + bounds.head)
        self._in_head = True
        self._head_bytes = 0
        self._waited = 0.0  # in the present window
        self._window = 0  # bytes that came in it
        self.first = self.url = ""  # the URL asked for, and the present one: a redirect changes it
        self.proxy: str | None = None  # host and port of the one that is asked by way of
        self.secrets: set[str] = set()  # secrets that were sent to it, and are not shown
        self.peer: str | None = None  # the address that is connected to
        self.stay_outside = False  # this machine's own addresses are not for this server
        self.heard()

    def heard(self) -> None:
        """Note that it answers, be it with a byte: it is not silent."""
        self._silence, now = 0.0, time.monotonic()
        if now >= self._told + ALIVE_INTERVAL:
            self._told = now
            self._alive()

    def clean(self, text: str) -> str:
        """Return ``text``, which may be the server's own, without its secrets."""
        return without(text, self.secrets)

    def begin_body(self) -> None:
        """Begin to count for the slowness rule."""
        self._in_head = False
        self._waited, self._window = 0.0, 0

    def end_within(self, seconds: float) -> None:
        """Wait no longer than so many seconds from now for the rest of the body."""
        self.deadline = min(self.deadline, time.monotonic() + seconds)

    def patience(self) -> float:
        """Return seconds that the next wait may last. Raises Slow when there are none left."""
        now, quiet = time.monotonic(), self.bounds.silent - self._silence
        if quiet <= 0:
            raise SilentServer(f"not a byte came for {limit_text(self.bounds.silent)}")
        if self._in_head:
            if now >= self._head_end:
                raise Slow("no answer in time")
            return min(self._head_end - now, quiet)
        if now >= self.deadline:
            raise Slow("did not end in time")
        return min(self.deadline - now, max(0.001, self.bounds.slow_time - self._waited), quiet)

    def connecting(self) -> float:
        """Return seconds that are left for a connection. Raises Slow when there are none."""
        return min(self.bounds.connect, self.patience())

    def came(self, count: int, seconds: float) -> None:
        """Count bytes that came after a wait of ``seconds``. Raises Slow, Transient."""
        if count:
            self.heard()
        else:
            self._silence += seconds
        if self._in_head:
            self._head_bytes += count
            if self._head_bytes > HEAD_LIMIT:
                raise Transient("its answer does not come to an end of its headers")
            return
        self._waited += seconds
        self._window += count
        if self._waited >= self.bounds.slow_time:
            if self._window < self.bounds.slow_rate * self.bounds.slow_time:
                raise Slow(
                    f"sent less than {self.bounds.slow_rate} bytes a second "
                    f"for {limit_text(self.bounds.slow_time)}"
                )
            self._waited, self._window = 0.0, 0
