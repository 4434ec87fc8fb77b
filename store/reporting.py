"""Receiving events (:mod:`store.events`, which short commands do without)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from store.events import Event


class Reporter(Protocol):
    """Receives events, in order, on the thread that does the work."""

    def emit(self, event: Event) -> None: ...


class Silent:
    """The reporter that drops everything."""

    def emit(self, event: Event) -> None:
        """Drop ``event``."""


SILENT: Reporter = Silent()
