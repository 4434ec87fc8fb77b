"""The time of day, as records can hold it."""

from __future__ import annotations

import time
from typing import Final

LAST: Final = 2**32 - 1
"""The last second that the index can hold, in the year 2106."""


def unix_seconds() -> int:
    """Return the whole seconds since 1970, from 1 to :data:`LAST`.

    A clock that is wrong, or a machine beyond 2106, gives one of the two ends: a record that is
    written then says little of when, but can be read. 0 means *never* in several records.
    """
    return min(max(int(time.time()), 1), LAST)
