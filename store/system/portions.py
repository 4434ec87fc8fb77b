"""The files and folders of a tree, which threads or processes remove side by side: most of it, as
fast as that can be. The rest is left to the walk (:mod:`store.system.removing`)."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from store.system.beneath import FOLDER, open_beneath
from store.system.parallel import map_threads
from store.system.tree_removal import BLOCK, TreeRemoval

_PORTION: Final = 64
_FAMILIES: Final = 8

MOST_PATHS: Final = 16 << 20
"""Bytes of the paths of folders that are removed side by side; the rest is for the walk."""

_LONGEST: Final = 2000
"""Bytes of the longest path, below the top, that threads are given; the rest is walked later."""

Portion: TypeAlias = tuple[bytes, Sequence[str]]
"""A folder's path from the top, and some of the names in it that are no folders."""


class FoundFolder(NamedTuple):
    """A folder's path from the top, and its blocks on the disk."""

    path: bytes
    blocks: int


class TreeParts(NamedTuple):
    """The files of a tree, and its folders, each after the one that it is in."""

    portions: list[Portion]
    folders: list[FoundFolder]


def parts_of(top: int, entries: Iterable[os.DirEntry[str]] | None = None) -> TreeParts:
    """Return the files and folders at and below the ``entries`` of an open folder, or all that are
    in it; folders can be written to then. Entries that cannot be read are left out."""
    if entries is None:
        with os.scandir(top) as scan:
            entries = list(scan)
    device = os.fstat(top).st_dev
    parts = TreeParts([], [])
    waiting: list[bytes] = []
    names: list[str] = []
    paths = 0
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
        paths += len(path)
        if paths < MOST_PATHS:
            parts.folders.append(FoundFolder(path, status.st_blocks))
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


def remove_folders(top: int, folders: Sequence[FoundFolder]) -> TreeRemoval:
    """Remove the folders that :func:`parts_of` found, the deepest first, as far as they are empty:
    the rest is met again by the removal of the tree."""
    levels: dict[int, dict[bytes, list[FoundFolder]]] = {}
    for folder in folders:
        level = levels.setdefault(folder.path.count(b"/"), {})
        level.setdefault(os.path.dirname(folder.path), []).append(folder)
    removal = TreeRemoval()
    for depth in sorted(levels, reverse=True):
        families = [
            siblings[at : at + _PORTION]
            for siblings in levels[depth].values()
            for at in range(0, len(siblings), _PORTION)
        ]
        freed = map_threads(partial(_remove_empty, top), families, _FAMILIES)
        removal.freed += sum(freed) * BLOCK
    return removal


def _remove_empty(top: int, families: Sequence[Sequence[FoundFolder]]) -> int:
    """Remove folders, in one with their siblings, and return the blocks of those that were
    empty."""
    blocks = 0
    for siblings in families:
        with contextlib.suppress(OSError):
            above = open_beneath(top, os.path.dirname(siblings[0].path), FOLDER, mounts=False)
            try:
                for folder in siblings:
                    with contextlib.suppress(OSError):
                        os.rmdir(os.path.basename(folder.path), dir_fd=above)
                        blocks += folder.blocks
            finally:
                os.close(above)
    return blocks


def remove_portions(top: int, portions: Iterable[Portion]) -> TreeRemoval:
    """Remove the files that :func:`parts_of` found, as far as that can be: the rest is met again
    by the removal of the tree."""
    removal = TreeRemoval()
    for path, names in portions:
        with contextlib.suppress(OSError):
            folder = open_beneath(top, path, FOLDER, mounts=False)
            try:
                _unlink_all(folder, names, removal)
            finally:
                os.close(folder)
    return removal


def _unlink_all(folder: int, names: Iterable[str], removal: TreeRemoval) -> None:
    # One loop with few calls of our own: of a file's removal they would be a part that is felt.
    freed = 0
    for name in names:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            os.unlink(name, dir_fd=folder)
        except OSError:
            continue
        if found.st_nlink == 1:
            removal.files += 1
            freed += found.st_blocks
        else:
            removal.unlinked(found)
    removal.freed += freed * BLOCK
