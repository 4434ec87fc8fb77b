"""Advisory locks between processes: byte ranges of one file, and folders in use.

Both belong to an open file description.

The kernel drops a lock when the last process that inherited its description has ended. So a crash
leaves nothing stale, and no lock leaves a file of its own behind. Waiting for a lock can be
interrupted, and ends by itself where the process that has it is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final

from store.display import printable
from store.errors import Busy, storage_error
from store.system import owned
from store.system.beneath import FOLDER

STOPPED_SECONDS: Final = 10.0
"""Seconds for which one waits for a process that is stopped, as by Ctrl-Z."""

_LOOK: Final = 0.05

_FLOCK = "hhqqi"  # struct flock of x86-64: type, whence, start, length, pid


@contextlib.contextmanager
def turn(fd: int, what: str) -> Iterator[None]:
    """Have all of an open file locked for this process alone, which no fork inherits.

    ``what`` says in an error what the lock is of. Raises Busy when a stopped process has it.
    """
    _wait(fd, lambda flag: fcntl.lockf(fd, fcntl.LOCK_EX | flag), what)
    try:
        yield
    finally:
        fcntl.lockf(fd, fcntl.LOCK_UN)


def lock_alone(fd: int, what: str) -> None:
    """Take flock(2)'s exclusive lock of an open file; ``what`` and Busy are as of :func:`turn`."""
    _wait(fd, lambda flag: fcntl.flock(fd, fcntl.LOCK_EX | flag), what)


def _wait(fd: int, take: Callable[[int], object], what: str) -> None:
    deadline = time.monotonic() + STOPPED_SECONDS
    while True:
        try:
            take(fcntl.LOCK_NB)
            return
        except (BlockingIOError, PermissionError):
            stopped = [pid for pid in _holders(fd) if _state(pid) in ("T", "t")]
        if not stopped:
            take(0)  # a signal ends this, unlike the wait for a mutex
            return
        if time.monotonic() > deadline:
            pid = stopped[0]
            raise Busy(
                f"{what} is held by process {pid} ({_command(pid)}), which is stopped",
                hint=f"`kill -CONT {pid}` lets it go on, `kill -KILL {pid}` ends it",
            )
        time.sleep(_LOOK)


def _holders(fd: int) -> list[int]:
    """Return the processes that have a lock for one alone on the very file, as far as ``/proc``
    tells."""
    found = os.fstat(fd)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return []
    # A line with an arrow is of one that waits.
    held = [line for line in lines if "->" not in line and "WRITE" in line and place in line]
    return [int(line[4]) for line in held]


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return printable(stream.read().strip())
    except OSError:
        return "?"


class LockFile:
    """One file whose bytes 0 to 2**63-1 can be locked, each by one holder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def try_lock(self, position: int) -> Lock | None:
        """Lock one byte, unless it is held by someone."""
        try:
            fd = owned.open_lock(self._path)
        except OSError as error:
            raise storage_error(error, "cannot take a lock") from error
        try:
            _set(fd, fcntl.F_WRLCK, position)
        except (BlockingIOError, PermissionError):
            os.close(fd)
            return None
        return Lock(fd, position)


class Lock:
    """A byte that is locked, until released or until every process that inherited it has ended."""

    def __init__(self, fd: int, position: int) -> None:
        self._fd = fd
        self._position = position

    def release(self) -> None:
        """Release the lock for all: closing alone would leave the lock with processes forked
        meanwhile."""
        _set(self._fd, fcntl.F_UNLCK, self._position)
        os.close(self._fd)


def _set(fd: int, kind: int, position: int, length: int = 1) -> None:
    record = struct.pack(_FLOCK, kind, os.SEEK_SET, position, length, 0)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, record)


class SharedLocks:
    """Objects that a process puts in place and is about to register, by locks that any number of
    processes can share. The end of a ``with`` block releases them. One that was forked meanwhile
    may claim with the same value."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = owned.open_lock(path)
        except OSError as error:
            raise storage_error(error, "cannot claim an object") from error

    def __enter__(self) -> SharedLocks:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @classmethod
    def shared(cls, fd: int) -> SharedLocks:
        """Return the claims of another process, which sent their descriptor."""
        claims = cls.__new__(cls)
        claims._fd = fd
        return claims

    def fileno(self) -> int:
        """Return the descriptor that the claims belong to."""
        return self._fd

    def add(self, key: bytes) -> None:
        """Claim the object with this digest (20 bytes), until released or until every process that
        inherited this value has ended."""
        _set(self._fd, fcntl.F_RDLCK, position(key))

    def clear(self) -> None:
        """Let go of all, for every process; more can be claimed."""
        _set(self._fd, fcntl.F_UNLCK, 0, 0)

    def release(self) -> None:
        """Let go of all, for every process, and for good."""
        self.clear()
        os.close(self._fd)

    def taken(self, key: bytes) -> bool:
        """Return whether somebody else claims the object."""
        return self.taken_at(position(key))

    def taken_at(self, place: int) -> bool:
        """Return whether this byte is locked, but for claims of this value's own."""
        record = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        found = fcntl.fcntl(self._fd, fcntl.F_OFD_GETLK, record)
        return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)


class DirectoryLock:
    """A folder that is in use, until released or until every process that inherited it has
    ended."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, FOLDER)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def fileno(self) -> int:
        """Return the descriptor that the hold belongs to."""
        return self._fd

    def release(self) -> None:
        """Let go of the folder."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)


def make_held(parent: str, prefix: str) -> tuple[str, DirectoryLock]:
    """Return a fresh folder below ``parent``, held before anyone can take it for abandoned.

    Raises NotOwner when ``parent`` is another user's, and OSError.
    """
    import tempfile

    os.close(owned.open_folder(parent))
    while True:
        path = tempfile.mkdtemp(prefix=prefix, dir=parent)
        try:
            hold = DirectoryLock(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # somebody sweeps, and has found it in the moment when nobody held it
        if os.path.exists(path):
            return path, hold
        hold.release()


def position(key: bytes) -> int:
    """Return where a key's or digest's lock stands. Two that fall together only wait needlessly."""
    return int.from_bytes(key[:8], "big") >> 1
