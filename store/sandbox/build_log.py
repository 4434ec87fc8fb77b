"""The log of a build: a pipe that the builder writes into, and a file that only we hold.

The builder gets the pipe's end and nothing else. It may change the pipe as it likes: its size, its
mode, its blocking, packets, reading it, closing it. With that it reaches its own log's text. This
side never waits for it: both reading and counting return at once. The system-call filter refuses
calls that hold a pipe's lock while they wait (``splice`` and its brothers). We keep an end for
writing, too, so that a builder that closes its own is no end.
"""

from __future__ import annotations

import array
import fcntl
import os
import stat
import termios
from typing import Final

from store import digest
from store.errors import StorageError, storage_error

PIECE: Final = 1 << 16
"""Bytes that are read at once: all of a pipe, unless the builder made it larger."""

_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)


class Log:
    """One build's log. ``limit`` bytes are kept at most; ``full`` says that there was more.

    Raises StorageError when there is no regular file at ``path`` and none can be made.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._left = limit
        self._hasher = digest.file_hasher()
        self.full = False
        self._file = _open(path)
        self._reading, self.writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reading, False)

    def fileno(self) -> int:
        """Return a descriptor that is readable when the builder has written something."""
        return self._reading

    def give_to(self, user: int) -> None:
        """Let the build's user open the pipe by name, as ``/dev/stderr``."""
        os.fchown(self.writing, user, user)

    def take(self, most: int = PIECE) -> int:
        """Move up to ``most`` written bytes into the file; returns how many were read, 0 when there
        was nothing. Never waits for the builder. StoreFull, or StorageError, when the file
        refuses."""
        pieces, rest = [], most
        try:
            # One read is not always all: the builder can have its writes read one by one.
            while rest and (piece := os.read(self._reading, rest)):
                pieces.append(piece)
                rest -= len(piece)
        except BlockingIOError:
            pass
        self._keep(b"".join(pieces))
        return most - rest

    def drain(self) -> None:
        """Take what the builder left behind, and no more: a descriptor that outlives the build may
        go on writing."""
        count = array.array("i", [0])
        fcntl.ioctl(self._reading, termios.FIONREAD, count)
        rest = count[0]
        while rest > 0 and not self.full and (taken := self.take(min(rest, PIECE))):
            rest -= taken

    def digest(self) -> bytes:
        """Return the digest of what the file has got."""
        return self._hasher.digest()

    def close(self) -> None:
        """Let go of the file and of the pipe."""
        for fd in (self._reading, self.writing, self._file):
            os.close(fd)

    def _keep(self, data: bytes) -> None:
        self.full = self.full or len(data) > self._left
        kept = data[: self._left]
        self._left -= len(kept)
        self._hasher.update(kept)
        self._write(kept)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            error.filename = self._path
            raise storage_error(error, "cannot write a build's log") from error


def _open(path: str) -> int:
    """Return the file, emptied."""
    try:
        fd = os.open(path, _FLAGS, 0o644)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise StorageError(f"{path}, where a log is to be, is not a file", hint="remove it")
        os.ftruncate(fd, 0)
    except OSError as error:
        raise storage_error(error, "cannot write a build's log") from error
    return fd
