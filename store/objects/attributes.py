"""A quick check of objects against their manifests, by names, kinds, sizes, modes, owners and times
alone.

It reads manifests and no other file. An object that is not found sound here is looked at once more,
file by file, by the code that reports faults. So this pass may call an object unsound for any
reason, and sound only if :mod:`store.objects.check` would find nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

from store.digest import DIGEST_SIZE
from store.errors import FormatError, InvalidName
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.names import parse_all
from store.model.raw_manifest import Entries, RawManifest
from store.objects.check import owner_of
from store.objects.content import LONGEST_RECORD
from store.objects.placing import MANIFEST
from store.objects.presence import MTIME_NS
from store.system.longpath import open_at

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


def sound_objects(layout: Layout, names: Sequence[str]) -> Iterator[Sound | None]:
    """Look at each of the objects ``<digest>-<name>``; None for one that is not sound. Raises
    FormatError or InvalidName for no object's name. Of an object that names itself, no identity is
    computed: that would read its files."""
    try:
        walk = _Walk(layout)
    except OSError:
        yield from repeat(None, len(names))
        return
    try:
        at = 0
        while at < len(names):
            found = list(walk.manifests(names[at : at + TOGETHER]))
            mine = names[at : at + len(found)]
            outlines = iter(RawManifest.decode_all([data for data, _ in filter(None, found)]))
            for name, oid, item in zip(mine, parse_all(mine), found, strict=True):
                outline = next(outlines) if item is not None else None
                sound = outline is not None and outline.id == oid and walk.is_sound(name, outline)
                yield Sound(outline, item[1]) if sound and outline and item else None
            at += len(found)
    finally:
        walk.close()


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

    def manifests(self, names: Sequence[str]) -> Iterator[tuple[bytes, int] | None]:
        """Yield each manifest's bytes and its time, until they are too many bytes together; None
        for one that cannot be read, or is not as it was stored."""
        size = 0
        for name in names:
            found = self._manifest(name)
            yield found
            size += len(found[0]) if found else 0
            if size >= TOGETHER_BYTES:
                return

    def _manifest(self, name: str) -> tuple[bytes, int] | None:
        try:
            fd = os.open(name, _OPEN, dir_fd=self._manifests)
        except OSError:
            return None
        try:
            seen = os.fstat(fd)
            size = seen.st_size
            if seen.st_mode != MANIFEST or seen.st_uid != self._owner or size > LONGEST_RECORD:
                return None
            data = os.read(fd, size)
            return (data, int(seen.st_mtime)) if len(data) == size else None
        except OSError:
            return None
        finally:
            os.close(fd)

    def is_sound(self, name: str, outline: RawManifest) -> bool:
        """Return whether the object of this name is what its manifest says."""
        try:
            if not outline.refers_to_itself and not outline.is_named_right():
                return False
            root = outline.root
            self._entry(self._objects, name.encode(), *root.to_fields())
            if root.kind is NodeKind.DIRECTORY:
                path = os.fsencode(f"{self._layout.objects}/{name}")
                for folder, entries in outline.folders(path):
                    self._folder(folder, entries)
        except UNSOUND:
            return False
        return True

    def _folder(self, path: bytes, entries: Entries) -> None:
        fd = open_at(path, _FOLDER)
        try:
            seen = os.fstat(fd)
            if seen.st_mode != FOLDER_MODE or seen.st_mtime_ns != MTIME_NS:
                raise Unsound
            if seen.st_uid != self._owner:
                raise Unsound
            # Names that a folder has need no other check.
            if sorted(map(os.fsencode, os.listdir(fd))) != [entry[0] for entry in entries]:
                raise Unsound
            if not {tuple(map(type, entry)) for entry in entries} <= _ENTRY:
                raise Unsound
            for name, kind, executable, size, payload in entries:
                self._entry(fd, name, kind, executable, size, payload)
        finally:
            os.close(fd)

    def _entry(self, folder: int, name: bytes, *node: Any) -> None:
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
    folder: int, name: bytes, kind: int, executable: bool, size: int, payload: bytes
) -> None:
    """Check an entry that is no file: a link, or a folder, which gets its own turn. Raises
    Unsound."""
    if executable or kind not in (NodeKind.LINK, NodeKind.DIRECTORY):
        raise Unsound
    if kind == NodeKind.LINK and (
        len(payload) != size or os.readlink(name, dir_fd=folder) != payload
    ):
        raise Unsound
