"""One pool of processor tokens for all builds of a store, the jobserver way.

A token is the right to keep one processor busy. Each is a lock, so that a process that dies gives
its tokens back. A running build holds one; the others are lent to builds through a pipe
of the build's own, which GNU make drains as a jobserver's client. When the build ends, whatever it
was lent comes back, however it ended and whatever it did to its pipe. From one that keeps its
tokens while others wait, they come back after some time: the pool does not believe for good that
it uses them.

A build needs one token to start. A process that lacks it says so by a lock that others see; they
take back what they lent as soon as a build lets go of it, and leave that to whoever waits.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import termios
import time
from collections.abc import Sequence
from typing import Final

from store.system.locks import Lock, LockFile, SharedLocks

TURN: Final = 0.3
"""Seconds for which a token that came free is left to other processes that wait for one: enough
for them to look, and soon over when one of them is stopped."""

PATIENCE: Final = 20.0
"""Seconds for which others wait for a token of a build that lets go of none; then it is no longer
counted as its own. A builder can keep what it was lent, or say that it does."""

_MARK: Final = 8
"""Bytes of a random value at the beginning of the file: the last time that a token was taken."""

_WAITS: Final = b"\xff" * 8  # the key of the lock by which a process says that it waits


class TokenPool:
    """``size`` tokens, the bytes of one lock file; shared by every process that uses the store."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._locks = LockFile(path)
        self._held: dict[int, Lock] = {}
        self._waits: SharedLocks | None = None
        self._waiting = False
        self._gave = float("-inf")
        self._taken = b""  # by the time of that
        self.size = size

    def take(self) -> bool:
        """Take one token, if one is free and not left to another process."""
        slots = [slot for slot in range(self.size) if slot not in self._held]
        if self.yields:
            # One is left, the lowest: the other process may use fewer than this one.
            slots = [slot for slot in slots if not self._claims().taken_at(slot)][:0:-1]
        for slot in slots:
            lock = self._locks.try_lock(slot)
            if lock is not None:
                self._held[slot] = lock
                self._mark()
                return True
        return False

    def _mark(self) -> None:
        """Let others see that a token was taken."""
        os.pwrite(self._claims().fileno(), os.urandom(_MARK), 0)

    def _last_taken(self) -> bytes:
        """Return a value that is another one after each time that a token was taken."""
        return os.pread(self._claims().fileno(), _MARK, 0)

    def give(self, count: int = 1) -> None:
        """Return ``count`` tokens."""
        for _ in range(count):
            # The lowest: a process that may use fewer than we looks at these alone.
            self._held.pop(min(self._held)).release()
            self._gave, self._taken = time.monotonic(), self._last_taken()

    @property
    def held(self) -> int:
        """How many tokens this process holds."""
        return len(self._held)

    def wait(self, waiting: bool) -> None:
        """Let other processes know whether this one has a build that only lacks a token."""
        if waiting == self._waiting:
            return
        self._waiting = waiting
        if waiting:
            self._claims().add(_WAITS)
        else:
            self._claims().clear()

    @property
    def wanted(self) -> bool:
        """True if another process waits for a token."""
        return self._claims().taken(_WAITS)

    @property
    def yields(self) -> bool:
        """True if a free token is left to another process: it waits, and had no turn since this one
        had. Where both think so of each other, as both gave a token, two are free."""
        if time.monotonic() - self._gave >= TURN or not self.wanted:
            return False
        return self._last_taken() == self._taken

    def holders(self) -> Sequence[str]:
        """Return the other processes that hold tokens, in words, as far as they can be seen."""
        from store.system.lock_holders import holders

        return holders(self._path)

    def close(self) -> None:
        """Return every token."""
        self.give(len(self._held))
        if self._waits is not None:
            self._waits.release()
            self._waits, self._waiting = None, False

    def _claims(self) -> SharedLocks:
        if self._waits is None:
            self._waits = SharedLocks(self._path)
        return self._waits


class Jobserver:
    """The pipe through which one build is lent tokens beyond its own."""

    def __init__(self) -> None:
        self.pipe = os.pipe()
        self.lent = 0
        self.written_off = 0
        self._asked: float | None = None
        # Second open descriptions: ours must not block, whatever the builder does to its pipe.
        self._read = os.open(f"/proc/self/fd/{self.pipe[0]}", os.O_RDONLY | os.O_NONBLOCK)
        self._write = os.open(f"/proc/self/fd/{self.pipe[1]}", os.O_WRONLY | os.O_NONBLOCK)

    def fileno(self) -> int:
        """Return a descriptor that is readable when a token that was lent is idle."""
        return self._read

    @property
    def idle(self) -> int:
        """Tokens that were lent and that the build does not use at this moment."""
        count = array.array("i", [0])
        fcntl.ioctl(self._read, termios.FIONREAD, count)
        return count[0]

    def lend(self) -> bool:
        """Put one token into the pipe; False when the builder has stuffed it."""
        try:
            os.write(self._write, b"+")
        except BlockingIOError:
            return False
        self.lent += 1
        return True

    def reclaim(self) -> bool:
        """Take one idle token back, if there is one."""
        try:
            taken = len(os.read(self._read, 1))
        except BlockingIOError:
            return False
        # A builder may write tokens of its own making; they buy nothing.
        self.lent -= min(taken, self.lent)
        self._asked = None
        return taken > 0

    def repay(self) -> bool:
        """Take one idle token for one that was written off, if there are both."""
        if not self.written_off or not self.idle:
            return False
        with contextlib.suppress(BlockingIOError):
            self.written_off -= len(os.read(self._read, 1))
            return True
        return False

    def write_off(self, wanted: bool) -> bool:
        """Stop counting one token as lent, if others have waited too long for one to come back.

        ``wanted`` says that somebody waits. Returns whether there was one.
        """
        if not wanted or not self.lent:
            self._asked = None
            return False
        now = time.monotonic()
        self._asked = now if self._asked is None else self._asked
        if now - self._asked < PATIENCE:
            return False
        self.lent -= 1
        self.written_off += 1
        return True

    def close(self) -> int:
        """Close the pipe; returns how many tokens come back."""
        for fd in (*self.pipe, self._read, self._write):
            os.close(fd)
        lent, self.lent = self.lent, 0
        return lent


def balance(pool: TokenPool, jobservers: Sequence[Jobserver], waiting: bool) -> Sequence[Jobserver]:
    """Give free tokens to builds that use all of theirs; take idle ones for waiting builds.

    ``waiting`` says that a build of this process could start if a token were free; it goes before
    lending, and so does one of another process. Returns the jobservers whose tokens are reclaimed
    as soon as they are idle: ``make`` takes again at once a token that it let go of.
    """
    pool.wait(waiting)
    wanted = waiting or pool.wanted
    # A client that owes a token, whatever it did with it, is lent no other.
    hungry = [each for each in jobservers if each.idle == 0 and not each.written_off]
    for jobserver in jobservers:
        while jobserver.repay():
            pass
        while (wanted or (hungry and jobserver not in hungry)) and reclaim(pool, jobserver):
            pass
        if jobserver.write_off(wanted):
            pool.give()
            wanted = False  # one at a time: the next round sees whether that was enough
    if not waiting:
        for jobserver in hungry:
            _feed(pool, jobserver)
    return [each for each in jobservers if (wanted and each.lent > 0) or each.written_off]


def reclaim(pool: TokenPool, jobserver: Jobserver) -> bool:
    """Return one idle token of a build to the pool, if there is one that it does not owe."""
    if jobserver.repay():
        return False
    if jobserver.lent == 0 or not jobserver.reclaim():
        return False
    pool.give()
    return True


def _feed(pool: TokenPool, jobserver: Jobserver) -> None:
    # One more than it uses already, so that a build gets many processors in a few rounds.
    for _ in range(jobserver.lent + 1):
        if not pool.take():
            return
        if not jobserver.lend():
            pool.give()
            return
