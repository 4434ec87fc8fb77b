"""The last line of a log that is being written."""

from __future__ import annotations

import os

from store.display import printable
from store.system.durable import open_file

PIECE = 4096
"""Bytes at the end of a log that are looked at."""

_MARK = "@phase "


def last_line(path: str) -> str:
    """Return the last line that says something; empty where there is none. It may hold anything
    that can be seen, and nothing that steers a terminal."""
    try:
        fd = open_file(path)
    except OSError:
        return ""
    try:
        size = os.fstat(fd).st_size
        piece = os.pread(fd, PIECE, max(0, size - PIECE))
    except OSError:
        return ""
    finally:
        os.close(fd)
    # A line that is written over itself, as of a progress bar, counts as its last state.
    for line in reversed(piece.decode("utf-8", "replace").replace("\r", "\n").split("\n")):
        text = printable(line.expandtabs().strip())
        if text and not text.startswith(_MARK):
            return text
    return ""
