"""One pass over objects that tells only which are sound: it walks and reads at once, in processes.

A sound object costs little here, and what is found to be anything else is looked at once more, file
by file, by :mod:`store.verify.objects`, which says what is wrong. So this pass may call an object
unsound for any reason, and sound only if the other would find nothing.
"""

from __future__ import annotations

import mmap
import os
import stat
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from store import digest
from store.errors import FormatError, InvalidName
from store.layout import Layout
from store.model import identity
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.outline import Entries, Outline
from store.model.tree import Node, NodeKind
from store.objects.check import Unread, check_identity
from store.objects.crew import share_out
from store.objects.portions import uncollected
from store.objects.sharing import MTIME_NS
from store.verify.reading import CHUNK, Digest, reading

BROAD = 512 << 10
"""Bytes of the manifest of an object that all processes take on together, folder by folder."""

FEW = 1
"""Small objects that are worth a process."""

FEW_FOLDERS = 64
"""Folders, likewise."""

SLOTS = 1 << 20
"""Places for inodes that processes tell each other of; one that loses its place is read twice."""

_DIRECTORY = stat.S_IFDIR | 0o555
_FILE = {False: stat.S_IFREG | 0o444, True: stat.S_IFREG | 0o555}

Facts = tuple[tuple[ObjectId, ...], bool, int]
"""References, whether it refers to itself, and size, by the manifest."""


Task = tuple[int, ObjectId]
"""An object, and its position among those that are looked at."""

Folder = tuple[bytes, Entries]
"""A folder's path, and what should be in it."""


class _Unsound(Exception):
    """Something is not as the manifest says."""


_UNSOUND = (_Unsound, OSError, FormatError, InvalidName, TypeError, ValueError)


@dataclass
class Glance:
    """An object that is sound as far as was read: ``left`` are large files that were not, ``alone``
    counts files with no other name."""

    facts: Facts
    alone: int = 0
    left: list[Unread] = field(default_factory=list)


@dataclass
class _Part:
    """What one process saw: objects by number, None for one that is not sound.

    ``inodes`` were read and have ``digests``, 32 bytes each; ``programs`` are those of them that
    can be executed. ``others`` were left to other
    processes: for object ``whose`` they should have ``expected``, 32 bytes each.
    """

    glances: dict[int, Glance | None] = field(default_factory=dict)
    inodes: array[int] = field(default_factory=lambda: array("Q"))
    digests: bytearray = field(default_factory=bytearray)
    programs: array[int] = field(default_factory=lambda: array("Q"))
    others: array[int] = field(default_factory=lambda: array("Q"))
    whose: array[int] = field(default_factory=lambda: array("Q"))
    expected: bytearray = field(default_factory=bytearray)


def glance(
    layout: Layout,
    oids: Sequence[ObjectId],
    known: dict[int, Digest],
    programs: set[int],
) -> list[Glance | None]:
    """Each object's facts, or None when it is not sound. Digests go to ``known``, by inode, and
    those of them that can be executed to ``programs``.

    An inode that gets there has just the mode and mtime of a stored file.
    """
    small, broad = _sorted(layout, oids)
    with (
        uncollected(),
        mmap.mmap(-1, 8 * SLOTS) as shared,
        memoryview(shared) as raw,
        raw.cast("Q") as claims,
    ):
        work = _Work(layout, known, claims, reading(layout.objects))
        parts = share_out(work.objects, small, FEW) if small else []
        for task in broad:
            parts += work.broad(task)
    for part in parts:
        known.update(zip(part.inodes, _split(part.digests), strict=True))
        programs.update(part.programs)
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
    """``parts`` of one object; the first knows its facts."""
    whole = parts[0]
    for part in parts[1:]:
        if whole is None or part is None:
            return None
        whole.alone += part.alone
        whole.left += part.left
    return whole


def _sorted(layout: Layout, oids: Sequence[ObjectId]) -> tuple[list[Task], list[Task]]:
    """Small objects, and broad ones."""
    small: list[Task] = []
    broad: list[Task] = []
    for task in enumerate(oids):
        try:
            size = os.stat(layout.manifest(task[1])).st_size
        except OSError:
            size = 0
        (small if size < BROAD else broad).append(task)
    return small, broad


@dataclass(frozen=True)
class _Work:
    layout: Layout
    known: dict[int, Digest]
    claims: memoryview[int]
    flags: int

    def objects(self, tasks: Sequence[Task]) -> _Part:
        """Whole objects, in one process."""
        part = _Part()
        walk = _Walk(self, part)
        for number, oid in tasks:
            try:
                glance, folders = walk.begin(self.layout, number, oid)
                for folder, entries in folders:
                    walk.folder(folder, entries, glance)
                part.glances[number] = glance
            except _UNSOUND:
                part.glances[number] = None
        return part

    def broad(self, task: Task) -> list[_Part]:
        """One object, by all processes."""
        number, oid = task
        first = _Part()
        try:
            walk = _Walk(self, first)
            first.glances[number], folders = walk.begin(self.layout, number, oid)
        except _UNSOUND:
            first.glances[number] = None
            return [first]
        return [first, *share_out(partial(self._folders, number), list(folders), FEW_FOLDERS)]

    def _folders(self, number: int, folders: Sequence[Folder]) -> _Part:
        part = _Part()
        walk = _Walk(self, part)
        walk.number = number
        glance = Glance(((), False, 0))
        try:
            for folder, entries in folders:
                walk.folder(folder, entries, glance)
            part.glances[number] = glance
        except _UNSOUND:
            part.glances[number] = None
        return part


class _Walk:
    def __init__(self, work: _Work, part: _Part) -> None:
        self._known = work.known
        self._claims = work.claims
        self._flags = work.flags
        self._part = part
        self._buffer = memoryview(bytearray(CHUNK + 1))  # one more, for a file that has grown
        self.number = 0

    def begin(self, layout: Layout, number: int, oid: ObjectId) -> tuple[Glance, Iterator[Folder]]:
        """Look at an object's identity and its top, if that is a file or link; the folders are
        to be looked at."""
        self.number = number
        with open(layout.manifest(oid), "rb") as stream:
            data = stream.read()
        outline = Outline.decode(data)
        if outline.id != oid:
            raise _Unsound
        root = outline.root
        found = Glance((outline.references, outline.refers_to_itself, root.size))
        path = os.fsencode(layout.object(oid))
        self._top(path, root, found)
        _check_identity(os.fsdecode(path), oid, found.facts, root, data)
        return found, outline.folders(path)

    def _top(self, path: bytes, root: Node, found: Glance) -> None:
        above, name = os.path.split(path)
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._entries(fd, above, [[name, *root.to_fields()]], found)
        finally:
            os.close(fd)

    def folder(self, path: bytes, entries: Entries, found: Glance) -> None:
        fd = os.open(path, self._flags | os.O_DIRECTORY)
        try:
            seen = os.fstat(fd)
            if seen.st_mode & 0o177777 != _DIRECTORY or seen.st_mtime_ns != MTIME_NS:
                raise _Unsound
            names = [entry[0] for entry in entries]
            if sorted(os.listdir(path)) != names:
                raise _Unsound
            self._entries(fd, path, entries, found)
        finally:
            os.close(fd)

    def _entries(self, folder: int, path: bytes, entries: Entries, found: Glance) -> None:
        for name, kind, executable, size, payload in entries:
            if kind == NodeKind.FILE:
                self._file(folder, path, name, _FILE[executable], size, payload, found)
            elif executable or kind not in (NodeKind.LINK, NodeKind.DIRECTORY):
                raise _Unsound
            elif kind == NodeKind.LINK:
                self._link(folder, name, size, payload)

    def _link(self, folder: int, name: bytes, size: int, payload: bytes) -> None:
        if len(payload) != size or os.readlink(name, dir_fd=folder) != payload:
            raise _Unsound

    def _file(
        self,
        folder: int,
        path: bytes,
        name: bytes,
        mode: int,
        size: int,
        payload: bytes,
        found: Glance,
    ) -> None:
        fd = os.open(name, self._flags, dir_fd=folder)
        try:
            seen = os.fstat(fd)
            inode = seen.st_ino
            if (
                seen.st_mode & 0o177777 != mode
                or seen.st_size != size
                or seen.st_mtime_ns != MTIME_NS
            ):
                raise _Unsound
            if seen.st_nlink == 1:
                found.alone += 1
            known = self._known.get(inode)
            if known is not None:
                if known != payload:
                    raise _Unsound
            elif size > CHUNK:
                where = os.fsdecode(b"%b/%b" % (path, name))
                found.left.append(Unread(where, payload, inode, size, seen.st_nlink))
            elif self._taken(inode):
                self._part.others.append(inode)
                self._part.whose.append(self.number)
                self._part.expected += payload
            else:
                if mode & 0o100:
                    self._part.programs.append(inode)
                self._read(fd, inode, size, payload)
        finally:
            os.close(fd)

    def _taken(self, inode: int) -> bool:
        """Whether another process reads this inode, or has; if not, this one does from now on.

        Two may come at the same moment, and read it twice.
        """
        slot = inode % SLOTS
        if self._claims[slot] == inode:
            return True
        self._claims[slot] = inode
        return False

    def _read(self, fd: int, inode: int, size: int, payload: bytes) -> None:
        if os.readv(fd, [self._buffer]) != size:
            raise _Unsound
        read = digest.file_digest(self._buffer[:size])
        self._known[inode] = read
        self._part.inodes.append(inode)
        self._part.digests += read
        if read != payload:
            raise _Unsound


def _check_identity(path: str, oid: ObjectId, facts: Facts, root: Node, data: bytes) -> None:
    references, itself, _ = facts
    if itself:
        if check_identity(path, Manifest.decode(data)):
            raise _Unsound
    elif identity.object_id(oid.name, root.digest(), references, False) != oid:
        raise _Unsound
