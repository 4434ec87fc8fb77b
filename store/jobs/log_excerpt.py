"""The part of a failed build's log that its error shows: the first complaint, and the end.

With several processors the compiler that failed first is far from the end: the others go on, and
each ``make`` above says that it gives up.
"""

from __future__ import annotations

import os
import re
from typing import Final

from store.jobs.phases import MARK
from store.system.durable import open_file

END: Final = 15
"""Lines of the end that are shown."""

COMPLAINT: Final = 3
"""Lines that are shown from the first complaint on."""

WIDTH: Final = 400
"""Characters of a line that are shown."""

SEARCHED: Final = 4 << 20
"""Bytes of the end of a log in which the complaint is looked for."""

_BYTES: Final = END * WIDTH * 4
_COMPLAINT: Final = re.compile(
    rb"\berror: |Error: |undefined reference to |: (?:command )?not found(?=\n|\Z)"
)
"""As gcc, clang and tcc say it, the assembler, linkers, Python and shells."""


def excerpt(path: str) -> tuple[str, ...]:
    """Return the lines to show of the log at ``path``, control characters made harmless and long
    lines cut; none if it cannot be read.

    A complaint counts if it is of the log's last phase, and not among the last lines anyway.
    """
    try:
        with open(open_file(path), "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - SEARCHED))
            log = stream.read(SEARCHED)
    except OSError:
        return ()
    end = _start_of_end(log)
    start = max(0, log.rfind(b"\n" + MARK))
    found = _COMPLAINT.search(log, start, end)
    if found is None:
        return _lines(log[end:])[-END:]
    first = log.rfind(b"\n", 0, found.start()) + 1
    *complaint, rest = log[first:end].split(b"\n", COMPLAINT)
    left = rest.count(b"\n")
    head = _lines(b"\n".join(line[: WIDTH * 4] for line in complaint))
    between = (f"… {left} more lines …",) if left > 1 else _lines(rest[: WIDTH * 4])
    return (*head, *between, *_lines(log[end:])[-END:])


def _start_of_end(log: bytes) -> int:
    """Return where the last lines begin, or the last bytes, where the lines are very long."""
    least = max(0, len(log) - _BYTES)
    start = len(log) - log.endswith(b"\n")
    for _ in range(END):
        start = log.rfind(b"\n", least, start)
        if start < 0:
            return least
    return start + 1


def _lines(text: bytes) -> tuple[str, ...]:
    """Return lines as they can be shown."""
    decoded = text.decode("utf-8", "replace")
    clean = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in decoded)
    return tuple(
        line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in clean.splitlines()
    )
