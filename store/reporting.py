"""Receiving events (:mod:`store.events`, which short commands do without)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

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

Count: TypeAlias = Callable[[str, int, int], object]
"""Called with the name of a thing (``object``), how many of them are done, and how many there are.
It decides how often that is shown."""


def uncounted(thing: str, done: int, total: int) -> None:
    """Ignore how much is done."""
