"""The files and folders of a tree, for threads or processes that remove them side by side."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from store.system.beneath import FOLDER, open_beneath

_PORTION: Final = 64
_LONGEST: Final = 2000
"""Bytes of the longest path, below the top, that threads are given; the rest is walked later."""

Portion: TypeAlias = tuple[bytes, Sequence[str]]
"""A folder's path from the top, and some of the names in it that are no folders."""


class EmptiedFolder(NamedTuple):
    """A folder's path from the top, and its blocks on the disk."""

    path: bytes
    blocks: int


class TreeParts(NamedTuple):
    """The files of a tree, and its folders, each after the one that it is in."""

    portions: list[Portion]
    folders: list[EmptiedFolder]


def parts_of(top: int, entries: Iterable[os.DirEntry[str]] | None = None) -> TreeParts:
    """Return what is at and below the ``entries`` of an open folder, or all that is in it; its
    folders can be written to then. Entries that cannot be read are left out."""
    if entries is None:
        with os.scandir(top) as scan:
            entries = list(scan)
    device = os.fstat(top).st_dev
    parts = TreeParts([], [])
    waiting: list[bytes] = []
    names: list[str] = []
    _sort(b".", entries, names, waiting)
    parts.portions.extend(_cut(b".", names))
    while waiting:
        path = waiting.pop()
        names = []
        try:
            folder = open_beneath(top, path, FOLDER, mounts=False)
        except OSError:
            continue
        try:
            status = os.fstat(folder)
            if status.st_dev != device:
                continue
            if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
                os.fchmod(folder, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
            with os.scandir(folder) as scan:
                _sort(path, scan, names, waiting)
        except OSError:
            continue
        finally:
            os.close(folder)
        parts.portions.extend(_cut(path, names))
        parts.folders.append(EmptiedFolder(path, status.st_blocks))
    return parts


def _sort(
    path: bytes, entries: Iterable[os.DirEntry[str]], names: list[str], folders: list[bytes]
) -> None:
    """Add the files of a folder to ``names``, and the paths of those below it to ``folders``."""
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            names.append(entry.name)
        elif len(path) + len(encoded := os.fsencode(entry.name)) < _LONGEST:
            folders.append(b"%b/%b" % (path, encoded))


def _cut(path: bytes, names: Sequence[str]) -> list[Portion]:
    return [(path, names[at : at + _PORTION]) for at in range(0, len(names), _PORTION)]
