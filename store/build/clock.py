"""Wall clocks that a builder can be told instead of the kernel's. All times are nanoseconds."""

from __future__ import annotations

from typing import Final, Protocol

SECOND: Final = 1_000_000_000

PATIENCE: Final = 1000
"""Looks that one thread may take at a clock that stands still."""

COMMON_PATIENCE: Final = 1_000_000
"""Looks that all threads of a build together may take."""


class Clock(Protocol):
    """What time it is for a thread."""

    def tell(self, thread: int, actual: int) -> int:
        """Nanoseconds since 1970 that the thread is told, at ``actual`` in truth."""
        ...

    def forget(self, thread: int) -> None:
        """The thread has ended."""
        ...


class ClockAhead:
    """Runs as the kernel's clock does, some seconds ahead."""

    def __init__(self, seconds: int) -> None:
        self._ahead = seconds * SECOND

    def tell(self, thread: int, actual: int) -> int:
        """The same difference for everybody."""
        return actual + self._ahead

    def forget(self, thread: int) -> None:
        """Nothing is kept of a thread."""


class StoppedClock:
    """Stands still, so that two builds see the same time whatever they do when.

    A program that waits for the time to pass must come to an end all the same. So a thread that
    has looked ``PATIENCE`` times sees a second pass with each look; and each look of anybody adds
    a second once there were ``COMMON_PATIENCE`` of them, since a loop of a shell's looks from
    another process each time.
    """

    def __init__(self, when: int) -> None:
        self._when = when * SECOND
        self._looks: dict[int, int] = {}
        self._all_looks = 0

    def tell(self, thread: int, actual: int) -> int:
        """The time at which the clock stands, as a rule."""
        looks = self._looks[thread] = self._looks.get(thread, 0) + 1
        self._all_looks += 1
        waited = max(0, looks - PATIENCE) + max(0, self._all_looks - COMMON_PATIENCE)
        return self._when + waited * SECOND

    def forget(self, thread: int) -> None:
        """Its number may come again."""
        self._looks.pop(thread, None)
