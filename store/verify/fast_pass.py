"""One pass over objects that only finds which are sound: it walks and reads at once, in processes.

A sound object costs little here. Any other is looked at once more, file by file, by
:mod:`store.verify.object_check`, which reports the fault. So this pass may call an object unsound
for any reason, and sound only if the other would find nothing.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from store import digest
from store.index.object_graph import ObjectFacts
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.raw_manifest import Entries, RawManifest, are_named_right
from store.objects.attributes import FILE_MODES, FOLDER_MODE, UNSOUND, Unsound, check_other
from store.objects.content import read_record
from store.objects.placing import MANIFEST
from store.objects.presence import MTIME_NS
from store.objects.tree_check import Unread, check_identity, owner_of
from store.system.longpath import encoded, open_at
from store.system.parallel import DynamicMap, uncollected
from store.verify.hashing import CHUNK, Digest, reading

BROAD = 512 << 10
"""Bytes of the manifest of an object that all processes take on together, folder by folder."""

FEW = 1
"""Small objects that are worth a process."""

FEW_FOLDERS = 64
"""Folders, likewise."""

SLOTS = 1 << 20
"""Places for inodes that processes tell each other of; one that loses its place is read twice."""

_FILE = int(NodeKind.FILE)  # a plain number is compared faster


Task = tuple[int, ObjectId]
"""An object, and its position among those that are looked at."""

Folder = tuple[bytes, Entries]
"""A folder's path, and its expected entries."""


@dataclass
class Glance:
    """An object that is sound as far as was read: ``left`` are large files that were not."""

    facts: ObjectFacts
    left: list[Unread] = field(default_factory=list)


@dataclass
class _Part:
    """One process's results: objects by number, None for one that is not sound.

    ``inodes`` were read and have ``digests``, 32 bytes each. ``others`` were left to other
    processes: for object ``whose`` they should have ``expected``, 32 bytes each.
    """

    glances: dict[int, Glance | None] = field(default_factory=dict)
    inodes: array[int] = field(default_factory=lambda: array("Q"))
    digests: bytearray = field(default_factory=bytearray)
    others: array[int] = field(default_factory=lambda: array("Q"))
    whose: array[int] = field(default_factory=lambda: array("Q"))
    expected: bytearray = field(default_factory=bytearray)


def glance(
    layout: Layout, oids: Sequence[ObjectId], known: dict[int, Digest]
) -> list[Glance | None]:
    """Return each object's facts, or None when it is not sound. Digests go to ``known``, by
    inode."""
    small, broad = _sorted(layout, oids)
    with (
        uncollected(),
        mmap.mmap(-1, 8 * SLOTS) as shared,
        memoryview(shared) as raw,
        raw.cast("Q") as claims,
    ):
        owner = owner_of(layout.objects)
        work = _Work(layout, known, claims, reading(layout.objects), owner)
        parts = work.all(small, broad)
    for part in parts:
        known.update(zip(part.inodes, _split(part.digests), strict=True))
    found: list[Glance | None] = [
        _joined([x.glances[n] for x in parts if n in x.glances]) for n in range(len(oids))
    ]
    for part in parts:
        for inode, number, expected in zip(
            part.others, part.whose, _split(part.expected), strict=True
        ):
            if known.get(inode) != expected:
                found[number] = None
    return found


def _split(digests: bytearray) -> Iterator[bytes]:
    data = bytes(digests)
    return (data[at : at + 32] for at in range(0, len(data), 32))


def _joined(parts: Sequence[Glance | None]) -> Glance | None:
    """Return ``parts`` of one object; the first knows its facts."""
    whole = parts[0]
    for part in parts[1:]:
        if whole is None or part is None:
            return None
        whole.left += part.left
    return whole


def _sorted(layout: Layout, oids: Sequence[ObjectId]) -> tuple[list[Task], list[Task]]:
    """Return small objects, the largest first, so that no process comes to one when the others are
    done; and broad ones."""
    small: list[tuple[int, Task]] = []
    broad: list[Task] = []
    for task in enumerate(oids):
        try:
            size = os.stat(layout.manifest(task[1])).st_size
        except OSError:
            size = 0
        if size < BROAD:
            small.append((-size, task))
        else:
            broad.append(task)
    return [task for _, task in sorted(small)], broad


@dataclass(frozen=True)
class _Work:
    layout: Layout
    known: dict[int, Digest]
    claims: memoryview[int]
    flags: int
    owner: int | None

    def all(self, small: Sequence[Task], broad: Sequence[Task]) -> list[_Part]:
        """Yield whole small objects, then one broad one after the other, folder by folder.

        While others do the last of one, this process reads the next one's manifest.
        """
        under_way = DynamicMap(self._objects, small, FEW)
        parts: list[_Part] = []
        try:
            for number, oid in broad:
                walk = _Walk(self)
                folders = walk.begin(number, oid)
                parts += [walk.part, *under_way.results()]
                under_way = DynamicMap(partial(self._folders, number), folders, FEW_FOLDERS)
            return parts + under_way.results()
        finally:
            under_way.cancel()

    def _objects(self, tasks: Iterable[Task]) -> _Part:
        walk = _Walk(self)
        for number, oid in tasks:
            walk.folders(number, walk.begin(number, oid))
        return walk.part

    def _folders(self, number: int, folders: Iterable[Folder]) -> _Part:
        walk = _Walk(self)
        walk.folders(number, folders)
        return walk.part


class _Walk:
    """The work of one process, folder by folder, with all that it takes on along the way."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self.part = _Part()
        self._buffer = memoryview(bytearray(CHUNK + 1))  # one more, for a file that has grown

    def begin(self, number: int, oid: ObjectId) -> Sequence[Folder]:
        """Look at an object's identity and its top, if that is a file or link; the folders are
        to be looked at."""
        try:
            self.part.glances[number], folders = self._begin(number, oid)
        except UNSOUND:
            self.part.glances[number] = None
            return ()
        return folders

    def folders(self, number: int, folders: Iterable[Folder]) -> None:
        """Look at folders of an object that was begun, here or in another process."""
        glance = self.part.glances.setdefault(number, Glance(((), False, 0)))
        if glance is None:
            return
        try:
            for folder, entries in folders:
                self._folder(folder, entries, glance, number)
        except UNSOUND:
            self.part.glances[number] = None

    def _begin(self, number: int, oid: ObjectId) -> tuple[Glance, Sequence[Folder]]:
        layout = self._work.layout
        data, seen = read_record(layout.manifest(oid))
        if seen.st_mode != MANIFEST or seen.st_uid != self._work.owner:
            raise Unsound
        outline = RawManifest.decode(data)
        if outline.id != oid:
            raise Unsound
        found = Glance(outline.facts)
        path = os.fsencode(layout.object(oid))
        self._top(path, outline.top, found, number)
        _check_identity(os.fsdecode(path), outline, data)
        return found, list(outline.folders(path))

    def _top(self, path: bytes, top: Sequence[Any], found: Glance, number: int) -> None:
        above, name = os.path.split(path)
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._entries(fd, above, [[name, *top]], found, number)
        finally:
            os.close(fd)

    def _folder(self, path: bytes, entries: Entries, found: Glance, number: int) -> None:
        fd = open_at(path, self._work.flags | os.O_DIRECTORY)
        try:
            seen = os.fstat(fd)
            if seen.st_mode != FOLDER_MODE or seen.st_mtime_ns != MTIME_NS:
                raise Unsound
            if seen.st_uid != self._work.owner:
                raise Unsound
            names = [entry[0] for entry in entries]
            if sorted(encoded(os.listdir(fd))) != names:
                raise Unsound
            self._entries(fd, path, entries, found, number)
        finally:
            os.close(fd)

    def _entries(
        self, folder: int, path: bytes, entries: Entries, found: Glance, number: int
    ) -> None:
        # One loop without calls of our own: of a small file they would be a part that is felt.
        flags, buffer, into = self._work.flags, self._buffer, [self._buffer]
        owner = self._work.owner
        for name, kind, executable, size, payload in entries:
            if kind != _FILE:
                check_other(folder, name, kind, executable, size, payload)
                continue
            fd = os.open(name, flags, dir_fd=folder)
            try:
                seen = os.fstat(fd)
                if (
                    seen.st_size != size
                    or seen.st_mode != FILE_MODES[executable]
                    or seen.st_mtime_ns != MTIME_NS
                    or seen.st_uid != owner
                ):
                    raise Unsound
                if size > CHUNK:
                    where = os.fsdecode(b"%b/%b" % (path, name))
                    found.left.append(Unread(where, payload, seen.st_ino, size, seen.st_nlink))
                elif seen.st_nlink > 1:
                    self._shared(fd, seen, payload, number)
                elif os.readv(fd, into) != size or digest.file_digest(buffer[:size]) != payload:
                    raise Unsound
            finally:
                os.close(fd)

    def _shared(self, fd: int, seen: os.stat_result, payload: bytes, number: int) -> None:
        """Read a file with several names, unless it was read by another of them."""
        part, known, claims, inode = self.part, self._work.known, self._work.claims, seen.st_ino
        if inode in known:
            if known[inode] != payload:
                raise Unsound
        elif claims[inode % SLOTS] == inode:  # another process reads it, or has
            part.others.append(inode)
            part.whose.append(number)
            part.expected += payload
        else:
            claims[inode % SLOTS] = inode  # two may come at once, and read it twice
            if os.readv(fd, [self._buffer]) != seen.st_size:
                raise Unsound
            read = known[inode] = digest.file_digest(self._buffer[: seen.st_size])
            part.inodes.append(inode)
            part.digests += read
            if read != payload:
                raise Unsound


def _check_identity(path: str, outline: RawManifest, data: bytes) -> None:
    if outline.refers_to_itself:
        if check_identity(path, Manifest.decode(data)):
            raise Unsound
    elif are_named_right([outline]) != [True]:
        raise Unsound
