"""Copying a tree to fresh inodes in one pass: read once, scanned, hashed, shared or written.

Walks with directory descriptors and never follows a link. What names the scratch digest is copied
with its places noted, and rewritten when the object's identity is known.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from store import digest
from store.errors import OutputRefused
from store.model import identity
from store.model.names import ObjectId
from store.model.tree import Directory, Node, NodeKind, file, link
from store.objects.scan import OVERLAP, Scanner
from store.objects.sharing import MTIME_NS, link_path, mode_of, publish, share

CHUNK = 1 << 20


@dataclass
class Staged:
    """A node of the copied tree. ``blanked`` counts for identity, ``node`` is as on disk.

    ``offsets`` are the places of the scratch digest in a file, or any in a link's target.
    """

    blanked: Node
    node: Node
    offsets: tuple[int, ...] = ()
    shared: bool = False
    entries: dict[bytes, Staged] = field(default_factory=dict)

    def files(self, path: bytes = b"") -> Iterator[tuple[bytes, Staged]]:
        """Every file and link below (or this one), with its path."""
        if self.node.kind is not NodeKind.DIRECTORY:
            yield path, self
        for name, entry in self.entries.items():
            yield from entry.files(path + b"/" + name)

    def directories(self, *, blanked: bool = False) -> dict[bytes, Directory]:
        """Every directory below, and this one, by its node's payload."""
        found: dict[bytes, Directory] = {}
        self._seal(found, blanked)
        return found

    def _seal(self, found: dict[bytes, Directory], blanked: bool) -> Node:
        if self.node.kind is not NodeKind.DIRECTORY:
            return self.blanked if blanked else self.node
        listing = [(name, entry._seal(found, blanked)) for name, entry in self.entries.items()]
        directory = Directory(tuple(sorted(listing, key=lambda item: item[0])))
        sealed = directory.node()
        found[sealed.payload] = directory
        if blanked:
            self.blanked = sealed
        else:
            self.node = sealed
        return sealed

    def seal(self) -> None:
        """Compute the nodes of all directories from what is in them."""
        self._seal({}, blanked=True)
        self._seal({}, blanked=False)


class Copier:
    """Copies trees into a staging folder. ``seen`` collects the digest texts that were found."""

    def __init__(
        self, links: str, scanner: Scanner, scratch: ObjectId | None, *, ours: bool
    ) -> None:
        """``ours`` says that modes of the source may be changed where they forbid reading."""
        self._ours = ours
        self._links = links
        self._scanner = scanner
        self._scratch = None if scratch is None else scratch.text.encode()
        self.seen: set[bytes] = set()
        self.fresh_files = 0

    def copy(
        self, name: bytes, source: int, target: int, path: bytes, executable: bool | None = None
    ) -> Staged:
        """Copy entry ``name`` of the folder ``source`` into the folder ``target``.

        ``path`` is for messages. Raises OutputRefused for what no object can hold.
        """
        kind = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        if stat.S_ISREG(kind):
            chosen = bool(kind & 0o111) if executable is None else executable
            return self._file(name, source, target, chosen)
        if stat.S_ISDIR(kind):
            return self._directory(name, source, target, path)
        if stat.S_ISLNK(kind):
            return self._link(name, source, target)
        raise OutputRefused(
            f"{os.fsdecode(path)} is {_special(kind)}, which no store object can hold",
            hint="the builder must not leave it in its output",
        )

    def _open(self, name: bytes, folder: int, kind: int, mode: int) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind
        try:
            return os.open(name, flags, dir_fd=folder)
        except PermissionError:
            if not self._ours:
                raise
            os.chmod(name, mode, dir_fd=folder)
            return os.open(name, flags, dir_fd=folder)

    def _note(self, text: bytes, path: bytes) -> None:
        for _, found in self._scanner.find(text):
            if found == self._scratch:
                raise OutputRefused(
                    f"{os.fsdecode(path)} has the output's own digest in its name, where it "
                    "cannot be rewritten"
                )
            self.seen.add(found)

    def _directory(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        os.mkdir(name, 0o700, dir_fd=target)
        below = self._open(name, source, os.O_DIRECTORY, 0o700)
        try:
            into = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=target)
            try:
                entries = {}
                for entry in sorted(os.fsencode(entry) for entry in os.listdir(below)):
                    self._note(entry, path + b"/" + entry)
                    entries[entry] = self.copy(entry, below, into, path + b"/" + entry)
            finally:
                os.close(into)
        finally:
            os.close(below)
        empty = Directory(()).node()
        return Staged(empty, empty, entries=entries)

    def _link(self, name: bytes, source: int, target: int) -> Staged:
        text = os.readlink(name, dir_fd=source)
        offsets = []
        for offset, found in self._scanner.find(text):
            if found == self._scratch:
                offsets.append(offset)
            else:
                self.seen.add(found)
        os.symlink(text, name, dir_fd=target)
        blanked = text
        if offsets and self._scratch:
            blanked = text.replace(self._scratch, identity.BLANK)
        return Staged(link(blanked), link(text), tuple(offsets))

    def _file(self, name: bytes, source: int, target: int, executable: bool) -> Staged:
        fd = self._open(name, source, os.O_NONBLOCK, 0o600)
        try:
            size = os.fstat(fd).st_size
            if size <= CHUNK:
                return self._small(name, fd, target, executable)
            return self._large(name, fd, target, executable)
        finally:
            os.close(fd)

    def _small(self, name: bytes, fd: int, target: int, executable: bool) -> Staged:
        data = b"".join(iter(lambda: os.read(fd, CHUNK + 1), b""))
        offsets = self._offsets(data, 0)
        content = digest.file_digest(data)
        node = file(content, len(data), executable=executable)
        if offsets:
            blanked = _blank(data, offsets)
            payload = identity.blanked_file(digest.file_digest(blanked), offsets)
            self._write(name, target, data, 0o600)
            return Staged(file(payload, len(data), executable=executable), node, tuple(offsets))
        shared_at = link_path(self._links, content, executable)
        if share(shared_at, len(data), os.fsdecode(name), target):
            return Staged(node, node, shared=True)
        self._write(name, target, data, mode_of(executable))
        return Staged(node, node)

    def _write(self, name: bytes, target: int, data: bytes, mode: int) -> None:
        fd = _create(name, target)
        try:
            _write_all(fd, data)
            _finish(fd, mode)
        finally:
            os.close(fd)
        self.fresh_files += 1

    def _large(self, name: bytes, fd: int, target: int, executable: bool) -> Staged:
        hasher, blanked_hasher = digest.file_hasher(), digest.file_hasher()
        offsets: list[int] = []
        size, tail = 0, b""
        out = _create(name, target)
        try:
            while chunk := os.read(fd, CHUNK):
                _write_all(out, chunk)
                hasher.update(chunk)
                # The last bytes wait for the next chunk: a digest may lie across the border.
                window = tail + chunk
                base = size - len(tail)
                here = self._offsets(window, base)
                offsets += here
                window = _blank(window, [at - base for at in here])
                size += len(chunk)
                keep = min(OVERLAP, len(window))
                blanked_hasher.update(window[: len(window) - keep])
                tail = window[len(window) - keep :]
            blanked_hasher.update(tail)
            _finish(out, 0o600 if offsets else mode_of(executable))
        finally:
            os.close(out)
        self.fresh_files += 1
        node = file(hasher.digest(), size, executable=executable)
        if offsets:
            payload = identity.blanked_file(blanked_hasher.digest(), offsets)
            return Staged(file(payload, size, executable=executable), node, tuple(offsets))
        shared_at = link_path(self._links, node.payload, executable)
        if os.path.lexists(shared_at):
            os.unlink(name, dir_fd=target)
            if share(shared_at, size, os.fsdecode(name), target):
                self.fresh_files -= 1
                return Staged(node, node, shared=True)
            os.lseek(fd, 0, os.SEEK_SET)
            return self._large(name, fd, target, executable)
        return Staged(node, node)

    def _offsets(self, data: bytes, base: int) -> list[int]:
        """Notes the digests in ``data``; returns the places of the scratch digest."""
        places = []
        for offset, text in self._scanner.find(data):
            if text == self._scratch:
                places.append(base + offset)
            else:
                self.seen.add(text)
        return places


def rewrite(staged: Staged, name: bytes, folder: int, final: ObjectId) -> None:
    """Put the final digest in the places of the scratch digest, in everything below ``name``."""
    if staged.node.kind is NodeKind.LINK and staged.offsets:
        text = bytearray(staged.node.payload)
        for offset in staged.offsets:
            text[offset : offset + digest.TEXT_SIZE] = final.text.encode()
        os.unlink(name, dir_fd=folder)
        os.symlink(bytes(text), name, dir_fd=folder)
        staged.node = link(bytes(text))
    elif staged.node.kind is NodeKind.FILE and staged.offsets:
        staged.node = _rewrite_file(staged, name, folder, final)
    elif staged.entries:
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            for entry, node in staged.entries.items():
                rewrite(node, entry, below, final)
        finally:
            os.close(below)


def _rewrite_file(staged: Staged, name: bytes, folder: int, final: ObjectId) -> Node:
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        for offset in staged.offsets:
            os.pwrite(fd, final.text.encode(), offset)
        hasher = digest.file_hasher()
        while chunk := os.read(fd, CHUNK):
            hasher.update(chunk)
        _finish(fd, mode_of(staged.node.executable))
    finally:
        os.close(fd)
    return file(hasher.digest(), staged.node.size, executable=staged.node.executable)


def finish_directories(staged: Staged, name: bytes, folder: int, *, top: bool = True) -> None:
    """Give every directory below ``name`` its final mode and mtime; the top one stays writable.

    A directory without write permission could not be renamed into place.
    """
    if staged.node.kind is not NodeKind.DIRECTORY:
        return
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        for entry, node in staged.entries.items():
            finish_directories(node, entry, fd, top=False)
        if not top:
            _finish(fd, 0o555)
    finally:
        os.close(fd)


def publish_files(staged: Staged, links: str, name: bytes, folder: int) -> None:
    """Share every fresh file below ``name`` with objects to come."""
    if staged.node.kind is NodeKind.FILE:
        if not staged.shared:
            publish(links, staged.node.payload, staged.node.executable, os.fsdecode(name), folder)
    elif staged.entries:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            for entry, node in staged.entries.items():
                publish_files(node, links, entry, fd)
        finally:
            os.close(fd)


def _blank(data: bytes, offsets: list[int]) -> bytes:
    if not offsets:
        return data
    text = bytearray(data)
    for offset in offsets:
        text[offset : offset + digest.TEXT_SIZE] = identity.BLANK
    return bytes(text)


def _create(name: bytes, folder: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=folder)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _finish(fd: int, mode: int) -> None:
    os.fchmod(fd, mode)
    os.utime(fd, ns=(MTIME_NS, MTIME_NS))


def _special(mode: int) -> str:
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a fifo", stat.S_IFBLK: "a block device"}
    return kinds.get(stat.S_IFMT(mode), "a device")
