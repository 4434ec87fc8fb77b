"""System calls by ``ctypes``, and nothing else may import that. Importing this is an OSError in a
static program, which cannot open itself as a library; see ``builtin_calls``."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any, Final

# <malloc.h>
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
MOST_MMAP_THRESHOLD: Final = 32 << 20

_KINDS: Final[dict[str, Any]] = {
    "i": ctypes.c_int,
    "u": ctypes.c_uint,
    "l": ctypes.c_long,
    "w": ctypes.c_ulong,
    "s": ctypes.c_char_p,
}
_libc = ctypes.CDLL(None, use_errno=True)
# Keeps the interpreter's lock during a call, as a call has to that returns in two processes.
_locked_libc = ctypes.PyDLL(None, use_errno=True)

last_error = ctypes.get_errno


def function(kinds: str | None, *, locked: bool = False) -> Callable[..., int]:
    """Return syscall(2) for a number and arguments of these kinds; None: bytes, and numbers of
    C's int."""
    # Item access yields a new function object each time, so that argtypes are not shared.
    found = (_locked_libc if locked else _libc)["syscall"]
    if kinds is not None:
        found.argtypes = [ctypes.c_long, *(_KINDS[kind] for kind in kinds)]
    found.restype = ctypes.c_long
    return found


def address(buffer: bytearray) -> int:
    """Return where the bytes are, as long as their number does not change."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def keep_memory(size: int) -> None:
    """Let the C library keep up to so many freed bytes, for a process that needs as much again at
    once. Each page that the kernel gives has to be cleared first. Only glibc knows how."""
    with contextlib.suppress(AttributeError):
        _libc.mallopt(M_MMAP_THRESHOLD, min(size, MOST_MMAP_THRESHOLD))
        _libc.mallopt(M_TRIM_THRESHOLD, size)
