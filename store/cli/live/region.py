"""A region at the foot of a terminal whose lines are written over, below lines that stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TextIO

from store.cli.screen import ScreenSize

CLEAR = "\033[J"
"""Erases all from the cursor on."""

_CLEAR_LINE = "\033[K"
_KEEP_IN_LINE, _WRAP = "\033[?7l", "\033[?7h"
"""The terminal may take a character for wider than we do: then it must not go to the next line."""


class DrawnLine(NamedTuple):
    """A line with its escape sequences, and the columns that it takes."""

    text: str
    width: int


class Region:
    """The drawn lines at the foot of ``stream``. Each change is one write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._widths: list[int] = []

    def draw(self, lasting: Sequence[str], lines: Sequence[DrawnLine], size: ScreenSize) -> None:
        """Put ``lines`` in the place of those before, and ``lasting`` lines above, for good."""
        text = self._to_top(size)
        if lasting:
            text += CLEAR + "".join(f"{line}\n" for line in lasting)
        if lines:
            body = "".join(f"{line.text}{_CLEAR_LINE}\n" for line in lines)
            text += f"{_KEEP_IN_LINE}{body}{_WRAP}"
        if self._widths or lines:
            text += CLEAR
        self._widths = [line.width for line in lines]
        if text:
            self._stream.write(text)
            self._stream.flush()

    def leave(self) -> None:
        """Forget the drawn lines: something else was written below them."""
        self._widths = []

    def _to_top(self, size: ScreenSize) -> str:
        """Move the cursor to where the region begins. A terminal that has become narrower has
        broken its lines anew."""
        rows = sum(max(1, -(-width // size.columns)) for width in self._widths)
        up = min(rows, size.rows - 1)
        # Lines wrap again, should the one who drew the last picture have been interrupted.
        return f"\r{_WRAP}\033[{up}A" if up > 0 else ""
