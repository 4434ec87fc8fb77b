"""The phases that a running build announces in its log, as lines ``@phase NAME``."""

from __future__ import annotations

from store.errors import printable

_PIECE = 1 << 20
_MARK = b"@phase "
_LONGEST = 100


class PhaseReader:
    """Reads on in one log, from where it left off."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = 0

    def latest(self) -> str | None:
        """The last phase announced since the last look; None when there is none."""
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._seen)
                text = stream.read(_PIECE)
        except OSError:
            return None
        end = text.rfind(b"\n") + 1
        self._seen += end or (len(text) if len(text) == _PIECE else 0)
        phases = [line for line in text[:end].splitlines() if line.startswith(_MARK)]
        return _shown(phases[-1][len(_MARK) :]) if phases else None


def _shown(phase: bytes) -> str:
    """What a builder wrote, harmless on a terminal, and no longer than a line of one."""
    return printable(phase[:_LONGEST].decode("utf-8", "replace").strip())[:_LONGEST]
