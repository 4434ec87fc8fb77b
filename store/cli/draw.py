"""Drawing events: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, Protocol, TextIO

from store.cli.plain import Plain, Quiet
from store.cli.streams import may_redraw
from store.events import Event
from store.reporting import Reporter

Loudness = Literal["quiet", "usual", "verbose"]


class ClosedReporter(Reporter, Protocol):
    """A reporter that is closed after the last event."""

    def close(self) -> None: ...


def make_reporter(stream: TextIO, loudness: Loudness = "usual") -> ClosedReporter:
    """Return the live view when ``stream`` is a terminal that can move its cursor, else plain
    lines."""
    if loudness == "quiet":
        return Quiet(stream)
    if may_redraw(stream):
        return OnTerminal(stream, verbose=loudness == "verbose")
    return Plain(stream, verbose=loudness == "verbose")


class OnTerminal:
    """The live view, loaded at the first event: most commands have none."""

    def __init__(self, stream: TextIO, *, verbose: bool) -> None:
        self._stream = stream
        self._verbose = verbose
        self._live: ClosedReporter | None = None

    def emit(self, event: Event) -> None:
        """Draw what ``event`` means."""
        if self._live is None:
            self._live = self._begun()
        self._live.emit(event)

    def _begun(self) -> ClosedReporter:
        if find_spec("rich") is None:  # a small Python may have no more than the engine needs
            return Plain(self._stream, verbose=self._verbose)
        from store.cli.live.reporter import Live

        return Live(self._stream, verbose=self._verbose)

    def close(self) -> None:
        """Leave no more than a summary."""
        if self._live is not None:
            self._live.close()
