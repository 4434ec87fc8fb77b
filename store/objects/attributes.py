"""A quick check of objects against their manifests, by names, kinds, sizes, modes, owners and times
alone.

It reads manifests and no other file. An object that is not found sound here is looked at once more,
file by file, by the code that reports faults. So this pass may call an object unsound for any
reason, and sound only if :mod:`store.objects.tree_check` would find nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from store.digest import DIGEST_SIZE
from store.errors import FormatError, InvalidName
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.names import parse_all
from store.model.raw_manifest import Entries, RawManifest, are_named_right
from store.objects.content import LONGEST_RECORD
from store.objects.placing import MANIFEST
from store.objects.presence import MTIME_NS
from store.objects.tree_check import owner_of
from store.system.longpath import encoded, open_at

TOGETHER: Final = 256
"""Manifests that are taken apart together, and"""
TOGETHER_BYTES: Final = 4 << 20
"""bytes of them."""

FOLDER_MODE: Final = stat.S_IFDIR | 0o555
FILE_MODES: Final = {False: stat.S_IFREG | 0o444, True: stat.S_IFREG | 0o555}
"""The modes of a stored file: of one that is no program, and of a program."""

_ENTRY = {(bytes, int, bool, int, bytes)}
"""The types of an entry's fields."""

_FILE = int(NodeKind.FILE)  # a plain number is compared faster
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class Unsound(Exception):
    """Something is not as the manifest says."""


UNSOUND: Final = (Unsound, OSError, FormatError, InvalidName, TypeError, ValueError, LookupError)
"""The errors of reading an object that is not sound."""


class Sound(NamedTuple):
    """An object that is as its manifest says, as far as was looked; ``stored`` is when the manifest
    was written, in Unix seconds."""

    outline: RawManifest
    stored: int


def sound_objects(layout: Layout, names: Sequence[str]) -> Iterator[list[Sound | None]]:
    """Look at each of the objects ``<digest>-<name>``; None for one that is not sound. Yields them
    in portions, in order. Raises FormatError or InvalidName for no object's name. Of an object that
    names itself, no identity is computed: that would read its files."""
    try:
        walk = _Walk(layout)
    except OSError:
        yield [None] * len(names)
        return
    try:
        at = 0
        while at < len(names):
            found, times = walk.manifests(names[at : at + TOGETHER])
            yield walk.compare(names[at : at + len(found)], found, times)
            at += len(found)
    finally:
        walk.close()


def _identified(names: Sequence[str], records: Sequence[bytes | None]) -> list[RawManifest | None]:
    """Return the manifest of each object; None where it is damaged, or of another object."""
    there = [data for data in records if data is not None]
    decoded = RawManifest.decode_all(there)
    whole = [outline for outline in decoded if outline is not None]
    right = iter(are_named_right(whole))
    # Of an object that names itself, identity is in its files.
    known = iter(
        [
            outline if outline and (next(right) or outline.refers_to_itself) else None
            for outline in decoded
        ]
    )
    found = [None if data is None else next(known) for data in records]
    return [
        outline if outline and outline.id == oid else None
        for outline, oid in zip(found, parse_all(names), strict=True)
    ]


class _Walk:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._owner = owner_of(layout.objects)
        self._objects = os.open(layout.objects, _FOLDER)
        try:
            self._manifests = os.open(layout.manifests, _FOLDER)
        except BaseException:
            os.close(self._objects)
            raise

    def close(self) -> None:
        os.close(self._objects)
        os.close(self._manifests)

    def manifests(self, names: Sequence[str]) -> tuple[list[bytes | None], list[int]]:
        """Return the manifests' bytes and times, of so many of the objects as are not too many
        bytes together; None for one that cannot be read, or is not as it was stored."""
        # One loop without calls of our own: of a short manifest they would be half.
        found: list[bytes | None] = []
        data: bytes | None
        times, left = [], TOGETHER_BYTES
        folder, owner = self._manifests, self._owner
        for name in names:
            data, stored = None, 0
            try:
                fd = os.open(name, _OPEN, dir_fd=folder)
                try:
                    seen = os.fstat(fd)
                    size = seen.st_size
                    if seen.st_mode == MANIFEST and seen.st_uid == owner and size <= LONGEST_RECORD:
                        read, stored = os.read(fd, size), int(seen.st_mtime)
                        data = read if len(read) == size else None
                finally:
                    os.close(fd)
            except OSError:
                data = None
            found.append(data)
            times.append(stored)
            left -= len(data or b"")
            if left <= 0:
                break
        return found, times

    def compare(
        self, names: Sequence[str], records: Sequence[bytes | None], times: Sequence[int]
    ) -> list[Sound | None]:
        """Return the objects of these names that are what their manifests say."""
        found: list[Sound | None] = []
        outlines = _identified(names, records)
        for name, outline, stored in zip(names, outlines, times, strict=True):
            try:
                if outline is None:
                    raise Unsound
                self._entry(self._objects, name, *outline.top)
                if outline.top[0] != _FILE:
                    path = os.fsencode(f"{self._layout.objects}/{name}")
                    for folder, entries in outline.folders(path):
                        self._folder(folder, entries)
                found.append(Sound(outline, stored))
            except UNSOUND:
                found.append(None)
        return found

    def _folder(self, path: bytes, entries: Entries) -> None:
        fd = open_at(path, _FOLDER)
        try:
            seen = os.fstat(fd)
            if seen.st_mode != FOLDER_MODE or seen.st_mtime_ns != MTIME_NS:
                raise Unsound
            if seen.st_uid != self._owner:
                raise Unsound
            # Names that a folder has need no other check.
            if sorted(encoded(os.listdir(fd))) != [entry[0] for entry in entries]:
                raise Unsound
            if not {tuple(map(type, entry)) for entry in entries} <= _ENTRY:
                raise Unsound
            for name, kind, executable, size, payload in entries:
                self._entry(fd, name, kind, executable, size, payload)
        finally:
            os.close(fd)

    def _entry(self, folder: int, name: Any, *node: Any) -> None:
        kind, executable, size, payload = node
        if kind != _FILE:
            check_other(folder, name, kind, executable, size, payload)
            return
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (
            seen.st_size != size
            or seen.st_mode != FILE_MODES[executable]
            or seen.st_mtime_ns != MTIME_NS
            or seen.st_uid != self._owner
            or len(payload) != DIGEST_SIZE
        ):
            raise Unsound


def check_other(
    folder: int, name: Any, kind: int, executable: bool, size: int, payload: bytes
) -> None:
    """Check an entry that is no file: a link, or a folder, which gets its own turn. Raises
    Unsound."""
    if executable or kind not in (NodeKind.LINK, NodeKind.DIRECTORY):
        raise Unsound
    if kind == NodeKind.LINK and (
        len(payload) != size or os.fsencode(os.readlink(name, dir_fd=folder)) != payload
    ):
        raise Unsound
