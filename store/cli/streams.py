"""Standard output and error of this process, and the end of a command that cannot write to them.

Output that cannot be written ends the command as Ctrl-C does: work under way is stopped and cleaned
up, and nothing on the way takes it for an error of its own work.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable
from typing import TextIO, cast


class OutputBroken(KeyboardInterrupt):
    """Our own output cannot be written; :class:`Ending` has the reason."""


class Ending:
    """Why this process is to end before its work is done, if it is.

    ``signal`` is the number of the signal that asked for it; ``unheard`` says that nobody reads our
    output any more; ``failed``, why standard output could not be written.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.unheard = False
        self.failed: str | None = None


ENDING = Ending()


def may_style(stream: TextIO) -> bool:
    """Return whether the stream is a terminal that takes escape sequences, and may get colours."""
    return may_redraw(stream) and not os.environ.get("NO_COLOR")


def may_redraw(stream: TextIO) -> bool:
    """Return whether the stream is a terminal whose cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def open_streams(ending: Ending) -> None:
    """Set up ``sys.stdout`` and ``sys.stderr``. Streams that the caller closed lead nowhere."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # No file of ours may take their numbers.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _opened(sys.stdout, 1, ending)
    sys.stderr = _opened(sys.stderr, 2, ending)


def print_errors(lines: Iterable[str]) -> None:
    """Print lines to standard error; where they cannot be written, the exit code has to do."""
    with contextlib.suppress(OSError, OutputBroken):
        for line in lines:
            print(line, file=sys.stderr)


def drop_output(*fds: int) -> None:
    """Send the rest of these streams nowhere: it would fail again when Python flushes it."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for fd in fds:
        os.dup2(null, fd)


def _opened(stream: TextIO | None, fd: int, ending: Ending) -> TextIO:
    if stream is not None and not isinstance(stream, io.TextIOWrapper):
        return stream  # a caller's own, in this process
    encoding = "utf-8" if stream is None else stream.encoding
    buffered = io.BufferedWriter(cast(io.RawIOBase, _Output(fd, ending)))
    return io.TextIOWrapper(
        buffered,
        encoding=encoding,
        # Paths that are no text go out as the bytes that they are; and where the locale lacks what
        # drawings have, there is a code instead.
        errors="surrogateescape" if encoding.lower() == "utf-8" else "backslashreplace",
        line_buffering=fd == 2 or os.isatty(fd),
    )


class _Output(io.RawIOBase):
    """A descriptor whose failures are noted in ``ending``."""

    def __init__(self, fd: int, ending: Ending) -> None:
        self._fd = fd
        self._ending = ending

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        while True:
            try:
                return os.write(self._fd, cast(bytes, data))
            except BlockingIOError:
                # Shared with a process that set it so.
                import select

                select.select([], [self._fd], [])
            except BrokenPipeError:
                self._ending.unheard = True
                raise OutputBroken from None
            except OSError as error:
                if self._fd != 1:
                    # A log on a full disk must not stop the command that makes room.
                    return len(cast(bytes, data))
                self._ending.failed = error.strerror
                raise OutputBroken from None
