"""The paths that an evaluation looked at, and the check that they still look the same.

A *state* is all that can be known of a path without opening it. It changes when the file's content,
its place or its kind does; a missing path has a state, too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from store import digest
from store.canon import Value
from store.errors import FormatError
from store.model import fields

KIT: Final = os.path.join(os.path.abspath(f"{__file__}/../../.."), "derivations")
"""The recipes that come with the engine, which other recipes may import."""

UNWATCHED: Final = (b"__pycache__", b".git")
"""Folders whose content is no recipe's, and changes without need."""

# Where recipes are evaluated, others than these stand in `os` later.
_lstat, _stat = os.lstat, os.stat

State: TypeAlias = "tuple[int | bytes, ...]"
Read: TypeAlias = "tuple[bool, bytes]"
"""True if a folder was listed (otherwise, a path was looked at), and its path."""

_FACTS: Final = 5
"""Parts of the state of a path that is no link; of a link, those of its target come after."""

TICK: Final = 20_000_000
"""Nanoseconds in which a file may change twice without showing it in its times."""


def state_of(read: Read) -> State:
    """Return the present state of a read path."""
    listed, path = read
    return _listing(path) if listed else _looks(path)


def is_link(state: State) -> bool:
    """Return whether a path that was looked at is a link."""
    return len(state) > _FACTS


def mode_of(state: State) -> int:
    """Return the mode of a path that was looked at, or of a link's target; 0 for a missing one."""
    mode = state[_FACTS if is_link(state) else 0]
    return mode if isinstance(mode, int) and mode > 0 else 0


def _looks(path: bytes) -> State:
    try:
        found = _lstat(path)
        if not stat.S_ISLNK(found.st_mode):
            return _facts(found)
        return (*_facts(found), *_target(path))
    except (OSError, ValueError) as error:
        return (-(getattr(error, "errno", None) or 1),)


def _target(path: bytes) -> State:
    try:
        return _facts(_stat(path))
    except OSError as error:
        return (-(error.errno or 1),)


def _facts(found: os.stat_result) -> State:
    # A file system on the network may give numbers that 64 bits with a sign cannot hold.
    times = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if stat.S_ISDIR(found.st_mode):  # its entries are for those that list it
        times = (0, 0, 0)
    numbers = (found.st_mode, *times, found.st_ino)
    return tuple(number & 0x7FFF_FFFF_FFFF_FFFF for number in numbers)


def _listing(path: bytes) -> State:
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return (-(error.errno or 1),)
    return (digest.file_digest(b"\0".join(names)),)


def is_young(state: State, first: int, last: int) -> bool:
    """Return whether a file that was read between ``first`` and ``last`` (ns) changed so shortly
    before that its next change may not show."""
    times = (part for part in state[2:4] if isinstance(part, int))
    return any(first - TICK < part < last + TICK for part in times)


def walk(tops: Iterable[str]) -> Iterator[tuple[bytes, State]]:
    """Yield every file and link below the folders, with its state; and every folder that cannot be
    listed. Links are not followed. Files that hide from the record of an evaluation are seen
    here."""
    folders = [os.fsencode(top) for top in tops]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, (-(error.errno or 1),)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in UNWATCHED:
                    folders.append(entry.path)
            else:
                yield entry.path, _looks(entry.path)


def to_fields(reads: Iterable[tuple[Read, State]]) -> Value:
    """Return ``[[listed, path, [state…]]…]``."""
    return [[listed, path, list(state)] for (listed, path), state in reads]


def from_fields(value: Value) -> dict[Read, State]:
    """Return the inverse of :func:`to_fields`; FormatError for anything else."""
    return dict(fields.several(value, _read))


def _read(value: Value) -> tuple[Read, State]:
    listed, path, state = fields.array(value, 3)
    return (fields.boolean(listed), fields.raw(path)), state_from_fields(state)


def state_from_fields(value: Value) -> State:
    """Return the state of such a list; FormatError for anything else."""
    return tuple(map(_part, fields.array(value)))


def _part(value: Value) -> int | bytes:
    if type(value) is int or isinstance(value, bytes):
        return value
    raise FormatError("neither a number nor a digest")
