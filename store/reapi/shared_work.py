"""Work that several threads want at the same time, and that is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class SharedWork:
    """Values by their keys, each made by the first thread that wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, work: Callable[[], T], *, again: bool = False) -> T:
        """Return what ``work`` returned, or returns now; others wait for it meanwhile. An error is
        raised in all that wait, and not kept. With ``again``, a value of before does not count."""
        with self._lock:
            found = self._made.get(key)
            mine = found is None or (again and found.done())
            if found is None or mine:
                found = self._made[key] = Future()
        if mine:
            try:
                found.set_result(work())
            except BaseException as error:
                with self._lock:
                    self._made.pop(key, None)
                found.set_exception(error)
        value: T = found.result()
        return value
