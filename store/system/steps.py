"""Work that waits for other processes: the caller decides whether to wait with it.

A loop that has more to do takes a step when there is an answer, and goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from multiprocessing.connection import wait
from typing import Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")


class Answering(Protocol):
    """Something that becomes readable when an answer is there."""

    def fileno(self) -> int:
        """Return its descriptor."""


Steps: TypeAlias = Generator[Answering, None, T]
"""Work that yields each thing that it waits for. To close it ends the other processes."""


class SteppedWork(Generic[T]):
    """Work under way. ``value`` is its result, once it has ended."""

    value: T

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._awaited: Answering | None = None
        self.ended = False
        self._resume()

    def step(self, seconds: float) -> bool:
        """Wait for so long at most, and go on if there is an answer; returns whether there was.
        Raises as the work."""
        if self._awaited is None or not wait([self._awaited.fileno()], seconds):
            return False
        self._resume()
        return True

    def _resume(self) -> None:
        try:
            self._awaited = next(self._steps)
        except StopIteration as end:
            self.value, self.ended, self._awaited = end.value, True, None

    def close(self) -> None:
        """End the work and the processes that it waits for."""
        self._steps.close()


def finish(steps: Steps[T], every: float, idle: Callable[[], None] = lambda: None) -> T:
    """Return the result of the work; ``idle`` is called after so many seconds without an answer."""
    work = SteppedWork(steps)
    try:
        while not work.ended:
            if not work.step(every):
                idle()
    finally:
        work.close()
    return work.value
