"""A watch on the builds in a server's queue: if no worker begins any of them, that is reported.

A server takes builds whether it has a worker for them or not, and says no more than that they are
queued. It may be that all of its workers are busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

from store.events import Event, Phase, Unattended

PATIENCE: Final = 10.0
"""Seconds in which no build of ours is executed, and one is queued, until that is reported."""

AGAIN: Final = 300.0
"""Seconds after which it is reported once more."""

EXECUTING: Final = "executing"
"""The phase of a build that a worker has begun."""

ASKED: Final = ("unknown", "cache check", "queued")
"""The phases of a build that the server has, and that no worker has begun, as far as is known."""


class QueueWatch:
    """Hears the events of builds on the server with this name, and hands them on to ``emit``.

    ``hint`` says what to do if there is no worker.
    """

    def __init__(self, server: str, hint: str, emit: Callable[[Event], None]) -> None:
        self._server = server
        self._hint = hint
        self._emit = emit
        self._phases: dict[bytes, str] = {}
        self._since: float | None = None
        self._reported: float | None = None

    def hear(self, event: Event) -> None:
        """Take up an event, and hand it on."""
        if isinstance(event, Phase):
            self._phases[event.key] = event.phase
        self._emit(event)

    def look(self, builds: Collection[bytes]) -> None:
        """Report it if the server has had some of these builds for long, and executes none; and
        that it is over. ``builds`` are the keys of all that are under way there."""
        self._phases = {key: phase for key, phase in self._phases.items() if key in builds}
        phases = self._phases.values()
        queued = sum(phase in ASKED for phase in phases)
        if not queued or EXECUTING in phases:
            self._end()
            return
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        last = self._since + PATIENCE - AGAIN if self._reported is None else self._reported
        if now - last >= AGAIN:
            self._reported = now
            self._emit(Unattended(self._server, queued, now - self._since, self._hint))

    def _end(self) -> None:
        if self._reported is not None:
            self._emit(Unattended(self._server, 0))
        self._since = self._reported = None
