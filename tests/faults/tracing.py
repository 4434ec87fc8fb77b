"""Reading what strace wrote: calls that succeeded, in the order in which they ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$", re.DOTALL)
_HALF = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$", re.DOTALL)
_REST = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
HANDLE = re.compile(r"(-?\d+|AT_FDCWD)<(.*?)>(\(deleted\))?$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Call:
    """A call that succeeded. ``began`` is the number of calls that had ended when it began."""

    pid: int
    name: str
    args: tuple[str, ...]
    result: int
    began: int


def calls(trace: str) -> Iterator[Call]:
    """The calls that succeeded, in the order in which they ended."""
    halves: dict[str, tuple[str, int]] = {}
    ended = 0
    for line in trace.splitlines():
        began = ended
        if half := _HALF.match(line):
            halves[half[1]] = (f"{half[1]} {half[2]}({half[3]}", ended)
            continue
        if rest := _REST.match(line):
            start, began = halves.pop(rest[1])
            whole = _LINE.match(start + rest[3])
        else:
            whole = _LINE.match(line)
        if whole and int(whole[4]) >= 0:
            ended += 1
            args = tuple(_split(whole[3]))
            yield Call(int(whole[1]), whole[2], args, int(whole[4]), began)


def _split(text: str) -> Iterator[str]:
    """Arguments, at commas that stand in no bracket. In hex, no string holds any."""
    depth, start = 0, 0
    for match in re.finditer(r"[\[{(]|[\]})]|, ", text):
        if match[0] == ", ":
            if depth == 0:
                yield text[start : match.start()]
                start = match.end()
        else:
            depth += 1 if match[0] in "[{(" else -1
    yield text[start:]


def strings(text: str) -> bytes:
    """All the strings in an argument, one after the other."""
    return b"".join(bytes.fromhex(item.replace("\\x", "")) for item in _STRING.findall(text))


def path_of(text: str) -> str:
    """An argument that is a path."""
    return strings(text).decode("utf-8", "surrogateescape")


def unhex(text: str) -> str:
    """A descriptor's path."""
    return _HEX.sub(lambda match: chr(int(match[1], 16)), text)
