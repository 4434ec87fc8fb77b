"""The reporter of a terminal: lines that have to stay scroll by, the rest is drawn over and
over."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from store import events
from store.cli.live.foreground import Foreground
from store.cli.live.progress import RunProgress
from store.cli.live.region import DrawnLine, Region
from store.cli.live.summary import summary
from store.cli.plain import WRONG, Plain
from store.cli.screen import ScreenSize, screen_size
from store.cli.streams import may_style
from store.display import printable
from store.events import Event
from store.quantities import seconds_text

if TYPE_CHECKING:
    from store.cli.live.frame import Frame

REDRAW_SECONDS = 0.2
"""Seconds between two pictures, and before the first: work that ends at once is not drawn."""


class Live(Plain):
    """The live view on ``stream``. With ``verbose``, each finished build leaves a line, and a
    running build has the last line of its log. ``clock`` and ``size`` give the time and the
    screen's size."""

    def __init__(
        self,
        stream: TextIO,
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
        size: Callable[[TextIO], ScreenSize] = screen_size,
    ) -> None:
        super().__init__(stream, verbose=verbose)
        self._clock = clock
        self._size_of = size
        self._progress = RunProgress()
        self._region = Region(stream)
        self._frame: Frame | None = None
        self._size: ScreenSize | None = None
        self._due = clock() + REDRAW_SECONDS
        self._foreground = Foreground(stream)

    def emit(self, event: Event) -> None:
        """Update the view."""
        now = self._clock()
        self._progress.hear(event, now)
        size = self._size_of(self._stream)
        lasting = self._lasting(event, size.columns)
        if lasting or now >= self._due or (self._frame and size != self._size):
            self._draw(lasting, size, now)

    def close(self) -> None:
        """Put a summary in the place of the drawn lines."""
        self._foreground.close()
        lines = summary(self._progress, self._clock())
        self._write(lines, [], self._size_of(self._stream))

    def _lasting(self, event: Event, columns: int) -> list[str]:
        """Return the lines about an event that stay: in full when something is wrong, else cut."""
        lines = self._lines(event)
        match event:
            case events.Examined(verdict=verdict) if self._verbose or verdict != "reproduced":
                return lines
            case events.Finished(kind="build", name=name, seconds=seconds) if self._verbose:
                return [f"built {name} in {seconds_text(seconds)}"[: columns - 1]]
        return lines if isinstance(event, WRONG | events.Collected) else []

    def _draw(self, lasting: list[str], size: ScreenSize, now: float) -> None:
        lines: list[DrawnLine] = []
        if self._foreground.came_back():
            self._region.leave()  # the shell has written below it
        if self._foreground.held():
            self._due = now + REDRAW_SECONDS
        elif now >= self._due or self._frame:
            lines = self._picture().lines(self._progress, size, now)
            self._due = now + REDRAW_SECONDS
        self._size = size
        self._write(lasting, lines, size)

    def _picture(self) -> Frame:
        if self._frame is None:
            from store.cli.live.frame import Frame

            self._foreground.watch()
            self._frame = Frame(
                may_style=may_style(self._stream),
                encoding=self._stream.encoding or "utf-8",
                verbose=self._verbose,
            )
        return self._frame

    def _write(self, lasting: list[str], lines: list[DrawnLine], size: ScreenSize) -> None:
        bold, off = ("\033[1;31m", "\033[0m") if may_style(self._stream) else ("", "")
        shown = [printable(line.expandtabs()) for line in lasting]
        shown = [f"{bold}{line}{off}" if line.startswith("failed: ") else line for line in shown]
        with contextlib.suppress(OSError):  # as for plain lines
            self._region.draw(shown, lines, size)
