"""System calls by ``_fixpoint_calls``, a module of C that is built into a static Python:
``derivations/python/fixpoint_calls.c``. It offers what ``ctypes_calls`` does."""

from __future__ import annotations

from collections.abc import Callable

import _fixpoint_calls

last_error: Callable[[], int] = _fixpoint_calls.last_error
address: Callable[[bytearray], int] = _fixpoint_calls.address


def function(kinds: str | None, *, locked: bool = False) -> Callable[..., int]:
    """Return syscall(2). The kinds say nothing new: each argument is one word of the machine."""
    found: Callable[..., int] = (
        _fixpoint_calls.locked_syscall if locked else _fixpoint_calls.syscall
    )
    return found


def keep_memory(size: int) -> None:
    """Do nothing: musl has no such setting."""
