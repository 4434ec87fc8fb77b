"""Wall clocks that a builder can see instead of the kernel's.

All times are nanoseconds since 1970; ``actual`` is the kernel's time at the moment of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

SECOND: Final = 1_000_000_000

PATIENCE: Final = 250
"""Looks that one thread may take at a clock that stands still."""

COMMON_PATIENCE: Final = 1_000_000
"""Looks that all threads of a build together may take."""


class Clock(Protocol):
    """The time for a thread."""

    def tell(self, thread: int, actual: int) -> int:
        """Return the thread looks at the clock."""
        ...

    def deadline(self, thread: int, told: int, actual: int) -> int:
        """Return the actual time at which the thread has waited until ``told``."""
        ...

    def reached(self, thread: int, told: int) -> None:
        """Note that the thread has waited until ``told``."""
        ...

    def forget(self, thread: int) -> None:
        """Note that the thread has ended."""
        ...


class ClockAhead:
    """Runs as the kernel's clock does, some seconds ahead."""

    def __init__(self, seconds: int) -> None:
        self._ahead = seconds * SECOND

    def tell(self, thread: int, actual: int) -> int:
        """Return the same difference for everybody."""
        return actual + self._ahead

    def deadline(self, thread: int, told: int, actual: int) -> int:
        """Return a time that is as much earlier."""
        return told - self._ahead

    def reached(self, thread: int, told: int) -> None:
        """Do nothing: the clock runs by itself."""

    def forget(self, thread: int) -> None:
        """Do nothing: no state is kept of a thread."""


@dataclass
class _Experience:
    """A thread's view of a clock that stands still."""

    looks: int = 0
    waited_until: int = 0
    wait: tuple[int, int] = (-1, 0)
    """The last deadline, as reported and in truth."""


class StoppedClock:
    """Stands still, so that two builds see the same time whatever they do when.

    A program that waits for the time to pass must come to an end all the same. A thread that has
    waited for a moment finds the clock there. One that has looked ``PATIENCE`` times sees a second
    pass with each look; and when there were ``COMMON_PATIENCE`` looks, each one adds a second for
    everybody, since a loop of a shell looks from another process each time.
    """

    def __init__(self, when: int) -> None:
        self._when = when * SECOND
        self._threads: dict[int, _Experience] = {}
        self._looks = 0

    def tell(self, thread: int, actual: int) -> int:
        """Return the time at which the clock stands, as a rule."""
        self._looks += 1
        self._threads.setdefault(thread, _Experience()).looks += 1
        return self._now(thread)

    def deadline(self, thread: int, told: int, actual: int) -> int:
        """Return a time as far away as it looks. A wait that is taken up again, after a signal, is
        the same."""
        experience = self._threads.setdefault(thread, _Experience())
        if experience.wait[0] != told:
            experience.wait = (told, actual + told - self._now(thread))
        return experience.wait[1]

    def reached(self, thread: int, told: int) -> None:
        """Let time pass for this thread."""
        experience = self._threads.setdefault(thread, _Experience())
        experience.waited_until = max(told, experience.waited_until)

    def forget(self, thread: int) -> None:
        """Forget the thread: its number may come again."""
        self._threads.pop(thread, None)

    def _now(self, thread: int) -> int:
        experience = self._threads[thread]
        lost = max(0, experience.looks - PATIENCE) + max(0, self._looks - COMMON_PATIENCE)
        return max(self._when, experience.waited_until) + lost * SECOND
