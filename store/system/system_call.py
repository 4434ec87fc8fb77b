"""Calling the kernel by a number: through ``ctypes``, or on a static Python a built-in module."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["MACHINE", "Memory", "SystemCall", "function", "keep_memory", "last_error"]

MACHINE: Final = os.uname().machine


class _Way(Protocol):
    def function(self, kinds: str | None, *, locked: bool = False) -> Callable[..., int]: ...
    def last_error(self) -> int: ...
    def address(self, buffer: bytearray, /) -> int: ...
    def keep_memory(self, size: int) -> None: ...


def _way() -> _Way:
    try:
        from store.system import ctypes_calls
    except (ImportError, OSError):  # a static program loads no library
        from store.system import builtin_calls

        return builtin_calls
    return ctypes_calls


_chosen: Final = _way()
function: Final = _chosen.function
last_error: Final = _chosen.last_error
keep_memory: Final = _chosen.keep_memory


class SystemCall:
    """The system call of a number, which raises OSError with this name.

    ``kinds`` has a letter for each argument: ``i`` and ``u`` are C's int and unsigned int, ``l``
    and ``w`` long and unsigned long, ``s`` is bytes or None. ``numbers`` are by machine, where a
    call has no common one. ``locked`` keeps the interpreter's lock.
    """

    def __init__(
        self, name: str, kinds: str, number: int | dict[str, int], *, locked: bool = False
    ) -> None:
        self._name = name
        self._number = number if isinstance(number, int) else number.get(MACHINE, -1)
        self._function = function(kinds, locked=locked)

    def __call__(self, *args: int | bytes | None) -> int:
        result = self._function(self._number, *args)
        if result == -1:
            code = last_error()
            raise OSError(code, os.strerror(code), self._name)
        return result


class Memory:
    """Bytes at one ``address``, which the kernel reads or writes."""

    def __init__(self, content: bytes | int) -> None:
        self.content = bytearray(content)
        self.address = _chosen.address(self.content) if self.content else 0
