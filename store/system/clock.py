"""The time of day, as records can hold it."""

from __future__ import annotations

import math
import time
from typing import Final

LAST: Final = 2**32 - 1
"""The last second that the index can hold, in the year 2106."""


SKEW: Final = 3600.0
"""Seconds by which clocks may differ without one of them being wrong."""


def age(then: float, now: float) -> float:
    """Return the seconds from ``then`` to ``now``; without end when ``then`` lies ahead by more
    than clocks differ: a wrong clock wrote that, and nothing is to stay for ever because of it."""
    return math.inf if then > now + SKEW else now - then


def unix_seconds() -> int:
    """Return the whole seconds since 1970, from 1 to :data:`LAST`.

    A clock that is wrong, or a machine beyond 2106, gives one of the two ends: a record that is
    written then says little of when, but can be read. 0 means *never* in several records.
    """
    return min(max(int(time.time()), 1), LAST)
