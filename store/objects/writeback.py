"""Having the disk write copied bytes while more is copied, so that the wait at the end is short.

It does not make anything durable: a caller that needs something on disk syncs it. But the kernel
reports a failed write only once, and so this reports it, too.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Iterator
from functools import partial

from store.system import kernel
from store.system.beneath import FOLDER
from store.system.forking import ForkedCall

ENOUGH = 64 << 20
"""Bytes that are worth a process of their own, or another sync by a thread."""

PAUSE_MS = 200
"""Between two rounds."""

LOOK = 0.05
"""Seconds between two looks at how much was written."""


class Writeback:
    """Syncs the file system of an open folder again and again, once much was written to it."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._written = 0
        self._helper: ForkedCall[None] | None = None
        self._stop = -1

    def note(self, size: int) -> None:
        """Note that so many more bytes were written."""
        self._written += size
        if self._helper is None and self._written >= ENOUGH:
            stopped, self._stop = os.pipe()
            try:
                self._helper = ForkedCall(partial(_sync_on, self._folder, stopped))
            finally:
                os.close(stopped)

    def end(self) -> None:
        """Sync no more. Raises the OSError of a write that failed meanwhile."""
        if self._helper is not None:
            try:
                os.write(self._stop, b".")
            except BrokenPipeError:
                pass  # it has ended, and says why
            finally:
                os.close(self._stop)
            self._helper.result()

    def cancel(self) -> None:
        """Sync no more, whatever was met."""
        if self._helper is not None:
            os.close(self._stop)
            self._helper.cancel()


def _sync_on(folder: int, stopped: int) -> None:
    poll = select.poll()
    poll.register(stopped, select.POLLIN)
    while not poll.poll(PAUSE_MS):
        kernel.syncfs(folder)


@contextlib.contextmanager
def written_back(folder: int, written: Callable[[], int]) -> Iterator[None]:
    """Sync the file system of an open folder meanwhile, whenever :data:`ENOUGH` more bytes were
    written; by a thread. A sync of ``folder`` itself still reports each failed write."""
    own = os.open(".", FOLDER, dir_fd=folder)  # the kernel reports a failure once to each
    stop = threading.Event()
    thread = threading.Thread(target=_sync_often, args=(own, written, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        os.close(own)


def _sync_often(folder: int, written: Callable[[], int], stop: threading.Event) -> None:
    before = written()
    while not stop.wait(LOOK):
        now = written()
        if now - before >= ENOUGH:
            before = now
            with contextlib.suppress(OSError):  # the last sync meets it, too
                kernel.syncfs(folder)
