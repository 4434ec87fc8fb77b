"""Job control: the check that the terminal is ours to draw on."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Any, TextIO


class Foreground:
    """Knows when this process was stopped and went on, or is in the background of its terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._went_on = False
        self._before: Any = None

    def watch(self) -> None:
        """Handle the signal by which a stopped process goes on, until :meth:`close`."""
        with contextlib.suppress(ValueError):  # not in the main thread
            self._before = signal.signal(signal.SIGCONT, self._note)

    def close(self) -> None:
        """Handle the signal as before."""
        if self._before is not None:
            signal.signal(signal.SIGCONT, self._before)
            self._before = None

    def held(self) -> bool:
        """Return whether the terminal is another process group's at this moment."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) != os.getpgrp()
        except (OSError, ValueError):
            return False  # no terminal that has groups

    def came_back(self) -> bool:
        """Return, once, whether another process may have written since the last question."""
        found, self._went_on = self._went_on, False
        return found

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._went_on = True
