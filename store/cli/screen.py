"""The size of a terminal."""

from __future__ import annotations

import os
from typing import NamedTuple, TextIO


class ScreenSize(NamedTuple):
    """Of a terminal, in characters."""

    columns: int
    rows: int


def screen_size(stream: TextIO) -> ScreenSize:
    """Return the size of the stream's terminal, as it is now; a usual one where it is unknown."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns = rows = 0
    if not columns or not rows:
        import shutil  # large modules are loaded where they are needed

        usual = shutil.get_terminal_size()
        columns, rows = columns or usual.columns, rows or usual.lines
    return ScreenSize(columns, rows)
