"""A model of a disk: inodes, changes of them, and which changes a power cut may take back.

The model is weaker than any file system in use, and than what POSIX allows of it:

- fsync of a file makes its bytes, size, mode and mtime last, and not its name. fdatasync and
  O_DSYNC make bytes and size last. fsync of a folder makes its entries, mode and mtime last, and
  not its own name in the folder above. syncfs makes everything last.
- Whatever is not made to last may be there after the cut or not, each change by itself, in any
  combination: no change waits for an earlier one, of the same file or folder or another.
- A change of names is whole or not there; a rename takes effect in both folders or in neither.
- A write may be there in part, by sectors of 512 bytes: its beginning, or, where it begins a
  sector, zeros in its place.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from store.objects.presence import MTIME_NS

SECTOR = 512
TOP = 0
"""The number of the inode at the top."""


@dataclass
class Inode:
    """A file, folder or link. ``mtime`` is that of stored files, or None for any other time."""

    kind: int
    mode: int = 0o600
    mtime: int | None = None
    data: bytes = b""
    entries: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Inode:
        """One that can be changed by itself."""
        return replace(self, entries=dict(self.entries))


Inodes: TypeAlias = dict[int, Inode]


@dataclass(frozen=True)
class Make:
    """A new inode, which no name leads to yet."""

    ino: int
    inode: Inode


@dataclass(frozen=True)
class Names:
    """Entries of folders set (or, with None, removed) at once: ``(folder, name, inode)``."""

    changes: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True)
class Write:
    """Bytes written at an offset."""

    ino: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Resize:
    """A file cut, or made longer with zeros."""

    ino: int
    size: int


@dataclass(frozen=True)
class Attributes:
    """A mode or an mtime set; the one that is None stays."""

    ino: int
    mode: int | None = None
    mtime: int | None = None


@dataclass(frozen=True)
class Sync:
    """From here on, the changes with these numbers last."""

    lasting: frozenset[int]


@dataclass(frozen=True)
class Said:
    """The command said something to its user."""

    stream: str
    text: str


Change: TypeAlias = Make | Names | Write | Resize | Attributes
Event: TypeAlias = Change | Sync | Said


def touches(event: Event, ino: int, *, data_only: bool) -> bool:
    """Return whether syncing the inode makes this change last."""
    if isinstance(event, Names):
        return not data_only and any(folder == ino for folder, _, _ in event.changes)
    if isinstance(event, Attributes):
        return not data_only and event.ino == ino
    return isinstance(event, Write | Resize) and event.ino == ino


def apply(inodes: Inodes, event: Event) -> None:
    """Carry out one change."""
    match event:
        case Make(ino, inode):
            inodes[ino] = inode.copy()
        case Names(changes):
            for folder, name, target in changes:
                inodes[folder].mtime = None
                if target is None:
                    inodes[folder].entries.pop(name, None)
                else:
                    inodes[folder].entries[name] = target
        case Write(ino, offset, data):
            before = inodes[ino].data.ljust(offset, b"\0")
            inodes[ino].data = before[:offset] + data + before[offset + len(data) :]
            inodes[ino].mtime = None
        case Resize(ino, size):
            inodes[ino].data = inodes[ino].data[:size].ljust(size, b"\0")
            inodes[ino].mtime = None
        case Attributes(ino, mode, mtime):
            inodes[ino].mode = inodes[ino].mode if mode is None else mode
            inodes[ino].mtime = inodes[ino].mtime if mtime is None else mtime
        case Sync() | Said():
            pass


def after(before: Inodes, events: Iterable[Event]) -> Inodes:
    """The disk that was ``before``, with these changes."""
    inodes = {ino: inode.copy() for ino, inode in before.items()}
    for event in events:
        apply(inodes, event)
    return inodes


def read_disk(top: Path, skip: frozenset[str] = frozenset()) -> Inodes:
    """The inodes below ``top``, leaving out entries of ``top`` with the names ``skip``."""
    numbers: dict[int, int] = {}
    inodes: Inodes = {}

    def read(path: Path) -> int:
        found = path.lstat()
        if found.st_ino in numbers:
            return numbers[found.st_ino]
        number = numbers[found.st_ino] = len(numbers)
        kind = stat.S_IFMT(found.st_mode)
        mtime = MTIME_NS if found.st_mtime_ns == MTIME_NS else None
        inode = Inode(kind, stat.S_IMODE(found.st_mode), mtime)
        inodes[number] = inode
        if kind == stat.S_IFDIR:
            names = sorted(os.listdir(path))
            left_out = skip if path == top else frozenset()
            inode.entries = {name: read(path / name) for name in names if name not in left_out}
        elif kind == stat.S_IFLNK:
            inode.data = os.readlink(os.fsencode(path))
        else:
            inode.data = path.read_bytes()
        return number

    read(top)
    return inodes


def write_disk(inodes: Mapping[int, Inode], top: Path) -> None:
    """Make the tree of the inodes in the folder ``top``, which is there and empty."""
    made: dict[int, Path] = {}

    def write(ino: int, path: Path) -> None:
        inode = inodes[ino]
        if inode.kind == stat.S_IFDIR:
            for name, below in inode.entries.items():
                inner = path / name
                if inodes[below].kind == stat.S_IFDIR:
                    inner.mkdir()
                elif below in made:
                    os.link(made[below], inner, follow_symlinks=False)
                    continue
                else:
                    made[below] = inner
                write(below, inner)
        elif inode.kind == stat.S_IFLNK:
            path.symlink_to(os.fsdecode(inode.data))
        else:
            path.write_bytes(inode.data)
        _finish(inode, path)

    write(TOP, top)


def _finish(inode: Inode, path: Path) -> None:
    if inode.kind != stat.S_IFLNK:
        path.chmod(inode.mode)
    if inode.mtime is not None:
        os.utime(path, ns=(inode.mtime, inode.mtime), follow_symlinks=False)


def fingerprint(inodes: Mapping[int, Inode], *, timeless: bool = False) -> bytes:
    """A digest of all that can be reached from the top; equal for equal trees."""
    seen: dict[int, int] = {}
    digest = hashlib.blake2b(digest_size=20)

    def add(ino: int) -> None:
        if ino in seen:
            digest.update(b"again %d;" % seen[ino])
            return
        seen[ino] = len(seen)
        inode = inodes[ino]
        mtime = None if timeless else inode.mtime
        digest.update(repr((inode.kind, inode.mode, mtime, len(inode.data))).encode())
        digest.update(inode.data)
        for name in sorted(inode.entries):
            digest.update(repr(name).encode())
            add(inode.entries[name])
        digest.update(b"end;")

    add(TOP)
    return digest.digest()


def part_of(write: Write, sectors: int, *, zeros: bool) -> Sequence[Change]:
    """Return the part of a write that the cut came into: so many sectors of it, or zeros.

    Within a sector a write is whole or not there; only the beginning of a sector can be
    zeros, since only blocks that are new can be.
    """
    if zeros and write.offset % SECTOR == 0:
        return (replace(write, data=bytes(len(write.data))),)
    cut = (write.offset // SECTOR + sectors) * SECTOR - write.offset
    return (replace(write, data=write.data[:cut]),) if cut > 0 else ()
