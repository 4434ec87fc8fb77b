"""One pool of processor tokens for all builds of a store, the jobserver way.

A token is the right to keep one processor busy. Each is a lock, so that a process that dies gives
its tokens back. A running build holds one; the others are lent to builds through a pipe
of the build's own, which GNU make drains as a jobserver's client. When the build ends, whatever it
was lent comes back, however it ended and whatever it did to its pipe.
"""

from __future__ import annotations

import array
import fcntl
import os
import termios
from collections.abc import Sequence

from store.locks import Lock, LockFile


class TokenPool:
    """``size`` tokens, the bytes of one lock file; shared by every process that uses the store."""

    def __init__(self, path: str, size: int) -> None:
        self._locks = LockFile(path)
        self._size = size
        self._held: dict[int, Lock] = {}

    def take(self) -> bool:
        """Take one token, if one is free."""
        for slot in range(self._size):
            if slot not in self._held:
                lock = self._locks.try_lock(slot)
                if lock is not None:
                    self._held[slot] = lock
                    return True
        return False

    def give(self, count: int = 1) -> None:
        """Return ``count`` tokens."""
        for _ in range(count):
            _, lock = self._held.popitem()
            lock.release()

    @property
    def held(self) -> int:
        """How many tokens this process holds."""
        return len(self._held)

    def close(self) -> None:
        """Return every token."""
        self.give(len(self._held))


class Lending:
    """The pipe through which one build is lent tokens beyond its own."""

    def __init__(self) -> None:
        self.pipe = os.pipe()
        self.lent = 0
        # Second open descriptions: ours must not block, whatever the builder does to its pipe.
        self._read = os.open(f"/proc/self/fd/{self.pipe[0]}", os.O_RDONLY | os.O_NONBLOCK)
        self._write = os.open(f"/proc/self/fd/{self.pipe[1]}", os.O_WRONLY | os.O_NONBLOCK)

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
        return taken > 0

    def close(self) -> int:
        """Close the pipe; returns how many tokens come back."""
        for fd in (*self.pipe, self._read, self._write):
            os.close(fd)
        lent, self.lent = self.lent, 0
        return lent


def balance(pool: TokenPool, lendings: Sequence[Lending], waiting: bool) -> None:
    """Give free tokens to builds that use all of theirs; take idle ones for who waits.

    ``waiting`` says that a build could start if a token were free; it goes before lending.
    """
    hungry = [lending for lending in lendings if lending.idle == 0]
    for lending in lendings:
        while (waiting or (hungry and lending not in hungry)) and lending.lent > 0:
            if not lending.reclaim():
                break
            pool.give()
    if not waiting:
        for lending in hungry:
            _feed(pool, lending)


def _feed(pool: TokenPool, lending: Lending) -> None:
    # One more than it uses already, so that a build gets many processors in a few rounds.
    for _ in range(lending.lent + 1):
        if not pool.take():
            return
        if not lending.lend():
            pool.give()
            return
