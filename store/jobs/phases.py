"""The phases that a running build announces in its log, as lines ``@phase NAME``."""

from __future__ import annotations

import os

from store.display import printable
from store.system.durable import open_file

_PIECE = 1 << 20
"""Bytes of a log that are read in one look, at most."""

MARK = b"@phase "
"""The beginning of a line that announces a phase."""

_LONGEST = 100


class PhaseReader:
    """Reads on in one log, from where it left off."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = 0

    def latest(self) -> str | None:
        """Return the last phase announced since the last look; None when there is none, or no
        log."""
        try:
            text = self._read_on()
        except OSError:
            return None
        end = text.rfind(b"\n") + 1
        self._seen += end or (len(text) if len(text) == _PIECE else 0)
        phase = _last(text[:end])
        return None if phase is None else _shown(phase)

    def _read_on(self) -> bytes:
        fd = open_file(self._path)
        try:
            # Of a log that grows faster than it is looked at, only the latest part counts.
            self._seen = max(self._seen, os.fstat(fd).st_size - _PIECE)
            return os.pread(fd, _PIECE, self._seen)
        finally:
            os.close(fd)


def _last(lines: bytes) -> bytes | None:
    """Return the phase in the last line that announces one."""
    # The lines are not split: a mebibyte of empty ones is a million.
    start = lines.rfind(b"\n" + MARK) + 1
    if not start and not lines.startswith(MARK):
        return None
    return lines[start + len(MARK) : lines.index(b"\n", start)]


def _shown(phase: bytes) -> str:
    """Return a builder's text, harmless on a terminal, and no longer than a line of one."""
    return printable(phase[:_LONGEST].decode("utf-8", "replace").strip())[:_LONGEST]
