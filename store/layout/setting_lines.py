"""The lines of settings in a text of TOML, whose parser keeps none."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final, TypeAlias

Way: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value, and its place in an array of tables: ``("cache", 0, "url")``."""

_MOST: Final = 500
"""Times that beginnings of a text are parsed: values of more lines are not looked for."""


def line_of(data: bytes, way: Way) -> int | None:
    """Return the number of the line in which the value at ``way`` begins, in a text that is TOML as
    a whole; None when the value is not found soon."""
    beginnings = _Beginnings(data.decode("utf-8").split("\n"))
    try:
        return beginnings.line_of(way)
    except _Longer:
        return None


class _Longer(Exception):
    """The search would take long."""


class _Beginnings:
    """The tables of the first lines of a text. A value is there as soon as its last line is."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._parsed: dict[int, dict[str, Any] | None] = {0: {}}

    def line_of(self, way: Way) -> int | None:
        counts = range(len(self._lines) + 1)
        last = bisect_left(counts, True, key=lambda count: _has(self._tables(count)[1], way))
        return None if last == len(counts) else self._tables(last - 1)[0] + 1

    def _tables(self, count: int) -> tuple[int, dict[str, Any]]:
        """Return the tables of the first ``count`` lines, or of fewer if a value goes on behind
        them, with their number."""
        while (found := self._parse(count)) is None:
            count -= 1
        return count, found

    def _parse(self, count: int) -> dict[str, Any] | None:
        import tomllib

        if count not in self._parsed:
            if len(self._parsed) > _MOST:
                raise _Longer
            try:
                self._parsed[count] = tomllib.loads("\n".join(self._lines[:count]) + "\n")
            except tomllib.TOMLDecodeError:
                self._parsed[count] = None
        return self._parsed[count]


def _has(found: Any, way: Way) -> bool:
    """Return whether tables have a value at ``way``."""
    for key in way:
        if isinstance(key, int):
            if not isinstance(found, list) or key >= len(found):
                return False
        elif not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True
