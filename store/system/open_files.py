"""How many files this process may have open."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

ENOUGH: Final = 4096
"""Files that are open at once at most: those of workers and fetches, and folders of a walk."""

_before: list[int] = []


def allow_open_files() -> None:
    """Raise the soft limit to :data:`ENOUGH`, as far as the hard one lets it; it is never lowered.

    Builders have limits of their own. A program that this process becomes gets the former limit
    by :func:`restore_open_files`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        _before.append(soft)


def restore_open_files() -> None:
    """Set the soft limit to the one that this process was started with."""
    while _before:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (_before.pop(), hard))
