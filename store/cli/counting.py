"""How far a long look at a store has come: on a line that is redrawn, or on one now and then."""

from __future__ import annotations

import time
from typing import TextIO

from store.cli.screen import screen_size
from store.cli.streams import may_redraw
from store.cli.wording import counted

REDRAW_SECONDS = 0.2

LINE_SECONDS = 30.0
"""Between two lines where nothing can be redrawn, as in a log."""


class Counting:
    """A count on ``stream`` of the things (``object``) that are done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = may_redraw(stream)
        self._every = REDRAW_SECONDS if self._live else LINE_SECONDS
        self._due = time.monotonic() + self._every
        self._drawn = 0

    def __call__(self, thing: str, done: int, total: int) -> None:
        """Draw the count: so many of all are done by now."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._every
        text = f"{done} of {counted(total, thing)}"
        if self._live:
            text = text[: screen_size(self._stream).columns - 1]  # a wrapped line stays
            self.erase()
            self._drawn = len(text)
        print(text, end="" if self._live else "\n", file=self._stream, flush=True)

    def erase(self) -> None:
        """Leave the line to the next text."""
        if self._drawn:
            print(f"\r{' ' * self._drawn}\r", end="", file=self._stream, flush=True)
            self._drawn = 0
