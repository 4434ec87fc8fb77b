"""Copying a tree to fresh inodes in one pass: read once, scanned, hashed, shared or written.

Walks with directory descriptors and never follows a link. What names a scratch digest is copied
with its places noted, and rewritten when the identity that replaces it is known.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from store import digest
from store.errors import OutputRefused, UsageError
from store.model import identity
from store.model.tree import Directory, Node, NodeKind, file, link
from store.objects.content import CHUNK, blanked_digest
from store.objects.scan import OVERLAP, Scanner
from store.objects.sharing import MTIME_NS, link_path, mode_of, share, share_within

TOP = b"x"
"""The name that the copied tree has in the staging folder."""

DEEPEST = 200
"""Levels of folders that an object may have: each takes two descriptors, and some stack."""


@dataclass
class Staged:
    """A node of the copied tree. ``blanked`` counts for identity, ``node`` is as on disk.

    ``places`` are offsets of scratch digests' texts in a file or link target, not replaced yet.
    ``shared`` says that the inode needs not be published.
    """

    blanked: Node
    node: Node
    places: tuple[tuple[int, bytes], ...] = ()
    shared: bool = False
    entries: dict[bytes, Staged] = field(default_factory=dict)

    def files(self) -> Iterator[Staged]:
        """Every file and link below, or this one."""
        if self.node.kind is not NodeKind.DIRECTORY:
            yield self
        for entry in self.entries.values():
            yield from entry.files()

    def folders(self) -> int:
        """How many folders there are, this one included."""
        below = sum(entry.folders() for entry in self.entries.values())
        return below + (self.node.kind is NodeKind.DIRECTORY)

    def directories(self) -> dict[bytes, Directory]:
        """Every directory below, and this one, by its node's payload."""
        found: dict[bytes, Directory] = {}
        self._seal(found, blanked=False)
        return found

    def _seal(self, found: dict[bytes, Directory], *, blanked: bool) -> Node:
        if self.node.kind is not NodeKind.DIRECTORY:
            return self.blanked if blanked else self.node
        listing = []
        for name, entry in self.entries.items():
            listing.append((name, entry._seal(found, blanked=blanked)))
        directory = Directory(tuple(sorted(listing, key=lambda item: item[0])))
        sealed = directory.node()
        found[sealed.payload] = directory
        if blanked:
            self.blanked = sealed
        else:
            self.node = sealed
        return sealed

    def blanked_tree(self) -> Node:
        """The node that counts for identity, once no places but its own are left."""
        return self._seal({}, blanked=True)


class Copier:
    """Copies one tree into the staging folder that is open as ``staging``.

    ``seen`` collects the digest texts that were found, ``fresh_files`` counts new inodes.
    """

    def __init__(
        self,
        staging: int,
        links: str,
        scanner: Scanner,
        *,
        own: bytes | None,
        scratches: Collection[bytes],
        shown: bytes,
        ours: bool,
        store: tuple[int, int],
    ) -> None:
        """``scratches`` are the texts to be rewritten, ``own`` the one of this tree.

        ``shown`` is the tree's path in messages; ``ours`` says that modes of the source may be
        changed where they forbid reading; ``store`` is the device and inode of the store's root,
        which must not lie in the tree.
        """
        self._staging = staging
        self._links = links
        self._scanner = scanner
        self._own = own
        self._scratches = frozenset(scratches)
        self._shown = shown
        self._ours = ours
        self._store = store
        self._written: dict[tuple[bytes, bool], bytes] = {}
        self.seen: set[bytes] = set()
        self.fresh_files = 0

    def copy(self, name: bytes, source: int, executable: bool | None = None) -> Staged:
        """Copy entry ``name`` of the folder ``source``; ``executable`` overrides a file's bit.

        Raises OutputRefused for what no object can hold.
        """
        return self._copy(name, source, self._staging, TOP, executable)

    def _copy(
        self, name: bytes, source: int, target: int, path: bytes, executable: bool | None = None
    ) -> Staged:
        """``path`` is relative to the staging folder; its last part is the copy's name."""
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        mode = found.st_mode
        if stat.S_ISREG(mode):
            chosen = bool(mode & 0o111) if executable is None else executable
            return self._file(name, source, target, path, found, chosen)
        if stat.S_ISDIR(mode):
            if (found.st_dev, found.st_ino) == self._store:
                raise UsageError(f"{self._show(path)} is the store, which cannot hold itself")
            return self._directory(name, source, target, path, mode)
        if stat.S_ISLNK(mode):
            return self._link(name, source, target, path)
        raise OutputRefused(
            f"{self._show(path)} is {_special(mode)}, which no store object can hold",
            hint="the builder must not leave it in its output",
        )

    def _show(self, path: bytes) -> str:
        return os.fsdecode(self._shown + path[len(TOP) :])

    def _open(self, name: bytes, folder: int, kind: int, mode: int, path: bytes) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind
        try:
            return os.open(name, flags, dir_fd=folder)
        except PermissionError:
            if not self._ours:
                raise OutputRefused(
                    f"{self._show(path)} cannot be read", hint="its mode forbids it"
                ) from None
            os.chmod(name, mode, dir_fd=folder)
            return os.open(name, flags, dir_fd=folder)

    def _note_name(self, name: bytes, path: bytes) -> None:
        for _, found in self._scanner.find(name):
            if found in self._scratches:
                whose = "the output's own" if found == self._own else "another output's"
                raise OutputRefused(
                    f"{self._show(path)} has {whose} digest in its name, where it cannot be "
                    "rewritten"
                )
            self.seen.add(found)

    def _directory(self, name: bytes, source: int, target: int, path: bytes, mode: int) -> Staged:
        if path.count(b"/") > DEEPEST:
            raise OutputRefused(f"{self._show(path)} lies more than {DEEPEST} folders deep")
        copied = path.rpartition(b"/")[2]
        os.mkdir(copied, 0o700, dir_fd=target)
        below = self._open(name, source, os.O_DIRECTORY, stat.S_IMODE(mode) | 0o700, path)
        try:
            into = os.open(copied, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=target)
            try:
                entries = {}
                for entry in sorted(os.fsencode(entry) for entry in os.listdir(below)):
                    at = path + b"/" + entry
                    self._note_name(entry, at)
                    entries[entry] = self._copy(entry, below, into, at)
            finally:
                os.close(into)
        finally:
            os.close(below)
        return Staged(_EMPTY, _EMPTY, entries=entries)

    def _link(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        text = os.readlink(name, dir_fd=source)
        places = self._scan(text, 0)
        name = path.rpartition(b"/")[2]
        os.symlink(text, name, dir_fd=target)
        os.utime(name, ns=(MTIME_NS, MTIME_NS), dir_fd=target, follow_symlinks=False)
        return Staged(blanked_link(text, self._mine(places)), link(text), tuple(places))

    def _file(
        self,
        name: bytes,
        source: int,
        target: int,
        path: bytes,
        found: os.stat_result,
        executable: bool,
    ) -> Staged:
        # The other bits stay: a second name of the same file must yield the same executable bit.
        readable = stat.S_IMODE(found.st_mode) | 0o400
        fd = self._open(name, source, os.O_NONBLOCK, readable, path)
        copied = path.rpartition(b"/")[2]
        try:
            data = os.read(fd, found.st_size + 1) if found.st_size <= CHUNK else b""
            if len(data) == found.st_size:
                return self._small(copied, data, target, path, executable)
            os.lseek(fd, 0, os.SEEK_SET)
            return self._large(copied, fd, target, path, executable)
        finally:
            os.close(fd)

    def _small(
        self, name: bytes, data: bytes, target: int, path: bytes, executable: bool
    ) -> Staged:
        places = self._scan(data, 0)
        node = file(digest.file_digest(data), len(data), executable=executable)
        if not places and self._share(node, name, target):
            return Staged(node, node, shared=True)
        fd = _create(name, target)
        try:
            _write_all(fd, data)
            return self._finished(fd, node, places, path)
        finally:
            os.close(fd)

    def _large(
        self,
        name: bytes,
        fd: int,
        target: int,
        path: bytes,
        executable: bool,
        *,
        sharing: bool = True,
    ) -> Staged:
        hasher = digest.file_hasher()
        places: list[tuple[int, bytes]] = []
        size, tail = 0, b""
        out = _create(name, target)
        try:
            while chunk := os.read(fd, CHUNK):
                _write_all(out, chunk)
                hasher.update(chunk)
                # The last bytes are looked at again: a digest may lie across the border.
                window = tail + chunk
                places += self._scan(window, size - len(tail))
                size += len(chunk)
                tail = window[-OVERLAP:]
            node = file(hasher.digest(), size, executable=executable)
            if places or not sharing or not self._can_share(node):
                return self._finished(out, node, places, path)
        finally:
            os.close(out)
        os.unlink(name, dir_fd=target)
        if self._share(node, name, target):
            return Staged(node, node, shared=True)
        os.lseek(fd, 0, os.SEEK_SET)
        return self._large(name, fd, target, path, executable, sharing=False)

    def _finished(
        self, fd: int, node: Node, places: list[tuple[int, bytes]], path: bytes
    ) -> Staged:
        self.fresh_files += 1
        if places:
            return Staged(blanked_file(fd, node, self._mine(places)), node, tuple(places))
        finish(fd, mode_of(node.executable))
        self._written[node.payload, node.executable] = path
        return Staged(node, node)

    def _can_share(self, node: Node) -> bool:
        if (node.payload, node.executable) in self._written:
            return True
        return os.path.lexists(link_path(self._links, node.payload, node.executable))

    def _share(self, node: Node, name: bytes, target: int) -> bool:
        # Equal files of one tree always share: a program that sees links (tar) must not see
        # whether another object had the content before.
        before = self._written.get((node.payload, node.executable))
        if before is not None:
            return share_within(before, self._staging, name, target)
        source = link_path(self._links, node.payload, node.executable)
        return share(source, node.size, name, target)

    def _scan(self, data: bytes, base: int) -> list[tuple[int, bytes]]:
        """Notes the digests in ``data``; returns the places of the scratch digests."""
        places = []
        for offset, text in self._scanner.find(data):
            self.seen.add(text)
            if text in self._scratches:
                places.append((base + offset, text))
        return places

    def _mine(self, places: list[tuple[int, bytes]]) -> list[int]:
        return [offset for offset, text in places if text == self._own]


_EMPTY = Directory(()).node()


def replaced(text: bytes, places: Iterable[tuple[int, bytes]]) -> bytes:
    """``text`` with each of the given digests (or blanks) at its offset."""
    changed = bytearray(text)
    for offset, new in places:
        changed[offset : offset + digest.TEXT_SIZE] = new
    return bytes(changed)


def blanked_link(target: bytes, offsets: Iterable[int]) -> Node:
    """The node that counts for a link that names its own object at ``offsets``."""
    return link(replaced(target, [(offset, identity.BLANK) for offset in offsets]))


def blanked_file(fd: int, node: Node, offsets: Sequence[int]) -> Node:
    """The node that counts for an open file that names its own object at ``offsets``."""
    if not offsets:
        return node
    payload = identity.blanked_file(blanked_digest(fd, offsets), offsets)
    return file(payload, node.size, executable=node.executable)


def _create(name: bytes, folder: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=folder)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def finish(fd: int, mode: int) -> None:
    """Give an open file or folder its final mode and mtime."""
    os.fchmod(fd, mode)
    os.utime(fd, ns=(MTIME_NS, MTIME_NS))


def _special(mode: int) -> str:
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a fifo", stat.S_IFBLK: "a block device"}
    return kinds.get(stat.S_IFMT(mode), "a device")
