"""Work on many items, by several processes or threads where that pays."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from store.system.forking import ForkedCall


R = TypeVar("R")
T = TypeVar("T")

MOST = 8
"""Processes at work together, this one included; beyond, the file system is the limit."""

THREADS = 8
"""Calls that one process has under way at once where each waits for the disk, as removals do where
freed blocks are discarded at once."""

PORTIONS = 1000
"""Portions that items are drawn in, at the most: their numbers fit into the smallest pipe there is,
of 4 KiB."""

_NUMBER = array("I").itemsize


def worker_count() -> int:
    """Return how many processes may work at once, this one included."""
    return min(len(os.sched_getaffinity(0)), MOST)


def map_chunks(work: Callable[[Sequence[T]], R], items: Sequence[T], least: int) -> list[R]:
    """Run ``work`` over all items, in as many processes as pay when each gets ``least`` or more."""
    count = max(1, min(worker_count(), len(items) // max(least, 1)))
    from store.system.forking import ForkedCall, results  # a short command can do without

    parts = [items[number::count] for number in range(count)]
    calls: list[ForkedCall[R]] = []
    try:
        for part in parts[1:]:
            calls.append(ForkedCall(lambda part=part: work(part)))  # type: ignore[misc]
        first = work(parts[0])
    except BaseException:
        for call in calls:
            call.cancel()
        raise
    return [first, *results(calls)]


class DynamicMap(Generic[R]):
    """``work`` over all items, by as many processes as pay when each gets ``least`` or more; each
    draws some more whenever it is done with some.

    Helpers begin at once, and this process when it is asked for the results.
    """

    def __init__(self, work: Callable[[Iterable[T]], R], items: Sequence[T], least: int) -> None:
        from store.system.forking import ForkedCall

        size = -(-len(items) // PORTIONS) or 1
        self._numbers, into = os.pipe()
        self._calls: list[ForkedCall[R]] = []
        self._share: Callable[[], R] = lambda: work(_draw(self._numbers, items, size))
        try:
            with os.fdopen(into, "wb") as stream:
                stream.write(array("I", range(0, len(items), size)).tobytes())
            for _ in range(min(worker_count(), len(items) // max(least, 1)) - 1):
                self._calls.append(ForkedCall(self._share))
        except BaseException:
            self.cancel()
            raise

    def results(self) -> list[R]:
        """Return the result of each process; raises the error of one."""
        try:
            from store.system.forking import results

            first = self._share()
            return [first, *results(self._calls)]
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the calls that have not ended; more than once does no harm."""
        for call in self._calls:
            call.cancel()
        self._calls = []
        if self._numbers >= 0:
            os.close(self._numbers)
            self._numbers = -1


def _draw(numbers: int, items: Sequence[T], size: int) -> Iterator[T]:
    # A read takes a number that no other process gets: the pipe is locked meanwhile.
    while number := os.read(numbers, _NUMBER):
        at = int.from_bytes(number, sys.byteorder)
        yield from items[at : at + size]


def by_threads(work: Callable[[T], R], items: Sequence[T]) -> Generator[tuple[int, R], None, None]:
    """Yield the result of ``work`` for each item, with its number, as they come: for work that
    waits for the disk more than it computes. When one raises, or this is closed, nothing is begun
    any more, and all that was begun has ended.

    Where the system has no more threads, those that began do it all; the executors of
    ``concurrent.futures`` raise then, with a part of the work under way."""
    import threading  # a short command can do without
    from queue import SimpleQueue

    answers: SimpleQueue[tuple[int, R] | BaseException] = SimpleQueue()
    numbers, ended = iter(range(len(items))), list[bool]()

    def draw() -> None:
        for number in numbers:  # each to one thread
            if ended:
                return
            try:
                answers.put((number, work(items[number])))
            except BaseException as error:
                answers.put(error)
                return

    threads: list[threading.Thread] = []
    try:
        with contextlib.suppress(RuntimeError):  # as it says that no thread can begin
            while len(threads) < min(THREADS, len(items)):
                thread = threading.Thread(target=draw)
                thread.start()
                threads.append(thread)
        if not threads:
            yield from enumerate(map(work, items))
            return
        for _ in items:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        ended.append(True)
        for thread in threads:
            thread.join()


def map_threads(work: Callable[[Sequence[T]], R], items: Sequence[T], portion: int) -> list[R]:
    """Run ``work`` over all items as :func:`by_threads`, which take ``portion`` items at a time;
    returns the results in the order of the items."""
    if len(items) <= portion:
        return [work(items)]
    portions = [items[at : at + portion] for at in range(0, len(items), portion)]
    found = dict(by_threads(work, portions))
    return [found[number] for number in range(len(portions))]


def map_each(work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], least: int) -> list[R]:
    """Return the results of ``work`` for each of the items, in the order of all items; by as many
    processes as pay when each gets ``least`` or more."""
    if len(items) < 2 * least:
        return list(work(items))
    parts = map_chunks(work, items, least)
    found = [parts[0][0]] * len(items)
    for number, part in enumerate(parts):
        found[number :: len(parts)] = part
    return found


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Run without looks for cycles of garbage: manifests and copied trees have none, and are
    large."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # Else the next new value would begin a look through all that was made: it counts as old
            # now. To count frozen values takes a walk through them.
            if gc.get_count()[0] > gc.get_threshold()[0] and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
