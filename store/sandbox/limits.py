"""The resource limits of a builder: the same for everybody, whatever the user's login has."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_MEGABYTE: Final = 1 << 20
_ANY: Final = resource.RLIM_INFINITY

# Limits show: in the layout of memory (stack), and in what tests find possible.
LIMITS: Final = (
    (resource.RLIMIT_CORE, 0, 0),
    (resource.RLIMIT_STACK, 8 * _MEGABYTE, _ANY),
    (resource.RLIMIT_NOFILE, 1024, 524288),
    (resource.RLIMIT_MEMLOCK, 8 * _MEGABYTE, 8 * _MEGABYTE),
    (resource.RLIMIT_AS, _ANY, _ANY),
    (resource.RLIMIT_CPU, _ANY, _ANY),
    (resource.RLIMIT_DATA, _ANY, _ANY),
    (resource.RLIMIT_FSIZE, _ANY, _ANY),
    (resource.RLIMIT_NPROC, _ANY, _ANY),
)


def set_limits(pid: int) -> None:
    """Set ``LIMITS`` for a process, each as near as the hard limits allow that it has."""
    for which, soft, hard in LIMITS:
        try:
            resource.prlimit(pid, which, (soft, hard))
        except (ValueError, OSError):
            allowed = _least(hard, resource.prlimit(pid, which)[1])
            with contextlib.suppress(ValueError, OSError):
                resource.prlimit(pid, which, (_least(soft, allowed), allowed))


def _least(one: int, other: int) -> int:
    if one == _ANY:
        return other
    return one if other == _ANY else min(one, other)
