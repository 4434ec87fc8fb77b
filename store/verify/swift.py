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
from store.objects.crew import hands, share_out, uncollected
from store.objects.sharing import MTIME_NS
from store.verify.reading import CHUNK, Digest

BROAD = 128 << 10
"""Bytes of the manifest of an object that all processes take on together, folder by folder."""

SLOTS = 1 << 20
"""Places for inodes that processes tell each other of; one that loses its place is read twice."""

_DIRECTORY = stat.S_IFDIR | 0o555
_FILE = {False: stat.S_IFREG | 0o444, True: stat.S_IFREG | 0o555}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Facts = tuple[tuple[ObjectId, ...], bool, int]
"""References, whether it refers to itself, and size, by the manifest."""


class _Unsound(Exception):
    """Something is not as the manifest says."""


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
    programs: dict[int, bool],
) -> list[Glance | None]:
    """Each object's facts, or None when it is not sound. Digests go to ``known``, by inode.

    Inodes that have just the mode and mtime of a stored file go to ``programs``: True for a mode
    that lets them be executed.
    """
    tasks = _tasks(layout, oids)
    with (
        uncollected(),
        mmap.mmap(-1, 8 * SLOTS) as shared,
        memoryview(shared) as raw,
        raw.cast("Q") as claims,
    ):
        parts = share_out(partial(_pass, layout, known, claims), tasks, 1)
    for part in parts:
        known.update(zip(part.inodes, _split(part.digests), strict=True))
        programs.update(dict.fromkeys(part.inodes, False))
        programs.update(dict.fromkeys(part.programs, True))
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
    whole = Glance(((), False, 0))
    for part in parts:
        if part is None:
            return None
        whole.facts = part.facts
        whole.alone += part.alone
        whole.left += part.left
    return whole


def _tasks(layout: Layout, oids: Sequence[ObjectId]) -> list[tuple[int, ObjectId, int, int]]:
    """Number, object, and which part of how many; broad ones last, one part for each process."""
    small, broad = [], []
    count = hands()
    for number, oid in enumerate(oids):
        try:
            size = os.stat(layout.manifest(oid)).st_size
        except OSError:
            size = 0
        if size < BROAD:
            small.append((number, oid, 0, 1))
        else:
            broad += [(number, oid, part, count) for part in range(count)]
    # `share_out` deals tasks like cards: as many for each, and each part to another process.
    small += [(-1, oids[0], 0, 1)] * (-len(small) % count) if broad else []
    return small + broad


def _pass(
    layout: Layout,
    known: dict[int, Digest],
    claims: memoryview[int],
    tasks: Sequence[tuple[int, ObjectId, int, int]],
) -> _Part:
    part = _Part()
    walk = _Walk(known, claims, part)
    for number, oid, which, count in tasks:
        if number < 0:
            continue
        try:
            part.glances[number] = walk.glance(layout, number, oid, which, count)
        except (_Unsound, OSError, FormatError, InvalidName, TypeError, ValueError):
            part.glances[number] = None
    return part


class _Walk:
    def __init__(self, known: dict[int, Digest], claims: memoryview[int], part: _Part) -> None:
        self._known = known
        self._claims = claims
        self._part = part
        self._number = 0
        self._buffer = memoryview(bytearray(CHUNK + 1))  # one more, for a file that has grown

    def glance(self, layout: Layout, number: int, oid: ObjectId, which: int, count: int) -> Glance:
        """Walk those folders of an object that fall to part ``which`` of ``count``."""
        self._number = number
        with open(layout.manifest(oid), "rb") as stream:
            data = stream.read()
        outline = Outline.decode(data)
        if outline.id != oid:
            raise _Unsound
        root = outline.root
        found = Glance((outline.references, outline.refers_to_itself, root.size))
        path = os.fsencode(layout.object(oid))
        if which == 0:
            self._top(path, root, found)
        for folder, entries in list(outline.folders(path))[which::count]:
            self._folder(folder, entries, found)
        if which == 0:
            _check_identity(os.fsdecode(path), oid, found.facts, root, data)
        return found

    def _top(self, path: bytes, root: Node, found: Glance) -> None:
        above, name = os.path.split(path)
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._entries(fd, above, [[name, *root.to_fields()]], found)
        finally:
            os.close(fd)

    def _folder(self, path: bytes, entries: Entries, found: Glance) -> None:
        fd = os.open(path, _OPEN | os.O_DIRECTORY)
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
        fd = os.open(name, _OPEN, dir_fd=folder)
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
                self._part.whose.append(self._number)
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
