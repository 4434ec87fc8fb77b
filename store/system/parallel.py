"""Other processes that help with one piece of work, each forked from this one.

A helper sees all that was there when it was forked, hands back one value (or raises), and never
outlives the process that asked for it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from store.errors import HelperEnded
from store.system import forks, kernel

R = TypeVar("R")
T = TypeVar("T")

MOST = 8
"""Helpers and this process together; beyond, a disk and its file system are the limit."""

THREADS = 8
"""Calls that one process has under way at once where each waits for the disk."""

PORTIONS = 1000
"""Portions that items are drawn in, at the most: their numbers fit into the smallest pipe there is,
of 4 KiB."""

_NUMBER = array("I").itemsize


def hands() -> int:
    """How many processes may work at once, this one included."""
    return min(len(os.sched_getaffinity(0)), MOST)


class Helper(Generic[R]):
    """A forked process that runs ``work``."""

    def __init__(self, work: Callable[[], R]) -> None:
        parent = os.getpid()
        self._ended = False
        out, into = os.pipe()
        self._stream = os.fdopen(out, "rb")
        try:
            self._pid = forks.fork()
        except OSError:
            self._stream.close()
            os.close(into)
            raise
        if self._pid == 0:
            _run(work, into, parent)
        os.close(into)

    def result(self) -> R:
        """Wait for the value; raises what the work raised, or HelperEnded."""
        try:
            data = self._stream.read()
        except BaseException:
            self.cancel()
            raise
        self._stream.close()
        status = self._wait()
        if status != 0:
            raise HelperEnded(status)
        # Written by our own child, over a pipe that nobody else has.
        error, value = pickle.loads(data)  # noqa: S301
        if error is not None:
            raise error
        found: R = value
        return found

    def cancel(self) -> None:
        """End the process, if it has not ended, and wait until it is gone."""
        self._stream.close()
        if not self._ended:
            os.kill(self._pid, signal.SIGKILL)
            self._wait()

    def _wait(self) -> int:
        self._ended = True
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _run(work: Callable[[], Any], into: int, parent: int) -> NoReturn:
    status = 1
    try:
        kernel.die_with_parent(parent)
        try:
            outcome: tuple[Exception | None, Any] = (None, work())
        except Exception as error:
            outcome = (error, None)
        with os.fdopen(into, "wb") as stream:
            pickle.dump(outcome, stream, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)


def results(helpers: Sequence[Helper[R]]) -> list[R]:
    """Every helper's value, in order. When one raises, the others are ended first."""
    found = []
    for number, helper in enumerate(helpers):
        try:
            found.append(helper.result())
        except BaseException:
            for other in helpers[number + 1 :]:
                other.cancel()
            raise
    return found


def share_out(work: Callable[[Sequence[T]], R], items: Sequence[T], least: int) -> list[R]:
    """``work`` over all items, in as many processes as pay when each gets ``least`` or more."""
    count = max(1, min(hands(), len(items) // max(least, 1)))
    parts = [items[number::count] for number in range(count)]
    helpers: list[Helper[R]] = []
    try:
        for part in parts[1:]:
            helpers.append(Helper(lambda part=part: work(part)))  # type: ignore[misc]
        first = work(parts[0])
    except BaseException:
        for helper in helpers:
            helper.cancel()
        raise
    return [first, *results(helpers)]


class Drawn(Generic[R]):
    """``work`` over all items, by as many processes as pay when each gets ``least`` or more; each
    draws some more whenever it is done with some.

    Helpers begin at once, and this process when it is asked for the results.
    """

    def __init__(self, work: Callable[[Iterable[T]], R], items: Sequence[T], least: int) -> None:
        size = -(-len(items) // PORTIONS) or 1
        self._numbers, into = os.pipe()
        self._helpers: list[Helper[R]] = []
        self._share: Callable[[], R] = lambda: work(_draw(self._numbers, items, size))
        try:
            with os.fdopen(into, "wb") as stream:
                stream.write(array("I", range(0, len(items), size)).tobytes())
            for _ in range(min(hands(), len(items) // max(least, 1)) - 1):
                self._helpers.append(Helper(self._share))
        except BaseException:
            self.cancel()
            raise

    def results(self) -> list[R]:
        """What each process has; raises what one raised."""
        try:
            first = self._share()
            return [first, *results(self._helpers)]
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the helpers that have not ended; more than once does no harm."""
        for helper in self._helpers:
            helper.cancel()
        self._helpers = []
        if self._numbers >= 0:
            os.close(self._numbers)
            self._numbers = -1


def _draw(numbers: int, items: Sequence[T], size: int) -> Iterator[T]:
    # A read takes a number that no other process gets: the pipe is locked meanwhile.
    while number := os.read(numbers, _NUMBER):
        at = int.from_bytes(number, sys.byteorder)
        yield from items[at : at + size]


def overlap(work: Callable[[Sequence[T]], R], items: Sequence[T], portion: int) -> list[R]:
    """``work`` over all items, by threads that take ``portion`` items at a time: for what waits for
    the disk more than it computes. When one raises, no portion is begun any more."""
    if len(items) <= portion:
        return [work(items)]
    from concurrent.futures import ThreadPoolExecutor  # not needed by most commands

    pool = ThreadPoolExecutor(THREADS)
    try:
        portions = [items[at : at + portion] for at in range(0, len(items), portion)]
        return list(pool.map(work, portions))
    finally:
        pool.shutdown(cancel_futures=True)
