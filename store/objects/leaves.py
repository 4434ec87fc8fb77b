"""Copying the leaves of a tree, its files and links: read once, scanned, hashed, shared or written.

A file that names a scratch digest is copied with its places noted, and rewritten when the identity
that replaces it is known.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection

from store import digest
from store.job_errors import OutputRefused
from store.model.file_tree import Node, NodeKind, file, link
from store.objects.content import CHUNK, ZEROS
from store.objects.contents import ContentHolders, content_of
from store.objects.entries import create, readable, special, umask, write_all, write_or_skip
from store.objects.scan import OVERLAP, Scanner
from store.objects.sharing import TIMES, mode_of, share, share_within
from store.objects.staged import (
    NO_TEXTS,
    TOP,
    Content,
    Staged,
    StagedShare,
    blanked_file,
    blanked_link,
)
from store.objects.writeback import Writeback
from store.system.disk_reserve import DiskReserveCheck

_NARROW = 16 << 10
"""Bytes of the first buffer: most trees that are built hold less in each file."""

SPARE = b"spare"
"""A name in the staging folder for a moment."""


class LeafCopier:
    """Copies files and links of one tree below the staging folder that is open as ``staging``.

    ``seen`` collects the digest texts that were found, ``fresh_files`` counts new inodes, and
    ``rewritable`` the files and links that hold a scratch digest. ``written`` has the place of each
    new file, by its content. Paths are relative to the staging folder.
    """

    def __init__(
        self,
        staging: int,
        objects: int,
        holders: ContentHolders,
        scanner: Scanner,
        *,
        own: bytes | None,
        scratches: Collection[bytes],
        shown: bytes,
        ours: bool,
        reserve: int,
    ) -> None:
        """Keep the arguments. ``objects`` is the open store directory; ``holders`` find its files
        that can be shared. ``scratches`` are the texts to be rewritten, ``own`` the one of this
        tree.

        ``shown`` is the tree's path in messages; ``ours`` says that modes of the source may be
        changed where they forbid reading; ``reserve`` are bytes of disk that must stay free.
        """
        self.staging = staging
        self._objects = objects
        self._holders = holders
        self._scanner = scanner
        self._own = own
        self._scratches = frozenset(scratches)
        self._shown = shown
        self._ours = ours
        self._masked = bool(umask() & 0o555)
        self._unnoted = True
        self._first = True
        self._writeback = Writeback(staging)
        self._room = DiskReserveCheck(staging, reserve)
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self.written: dict[Content, bytes] = {}
        self.seen: set[bytes] = set()
        self.fresh_files = 0
        self.rewritable = 0

    # -- for the walk --

    def begin_help(self) -> None:
        """Count anew, in a process that helps another one."""
        self._first = False
        self.seen, self.fresh_files, self.rewritable = set(), 0, 0

    def add(self, share: StagedShare) -> None:
        """Add what another process has copied, but for the files themselves."""
        self.written = share.written | self.written
        self.seen |= share.seen
        self.fresh_files += share.fresh_files
        self.rewritable += share.rewritable

    def let_go(self) -> None:
        """Close what other processes must not have open at the same time."""
        self._holders.close()

    def end(self) -> None:
        """Wait for the writing that was begun."""
        self._writeback.end()

    def cancel(self) -> None:
        """Give up the writing that was begun."""
        self._writeback.cancel()

    def show(self, path: bytes) -> str:
        """Return a path for messages."""
        return readable(self._shown + path[len(TOP) :])

    def open(self, name: bytes, folder: int, kind: int, bits: int, path: bytes) -> int:
        """Return a descriptor of entry ``name`` of the folder ``folder``, for reading. ``kind`` are
        more flags, and ``bits`` those of the mode that reading wants. Raises OutputRefused."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind
        if self._unnoted:
            # That it was read needs not be noted on the disk, if the source is the caller's own.
            try:
                return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
            except PermissionError:
                self._unnoted = False
        try:
            return os.open(name, flags, dir_fd=folder)
        except PermissionError:
            if not self._ours:
                raise OutputRefused(
                    f"{self.show(path)} cannot be read", hint="its mode forbids it"
                ) from None
            # The other bits stay: another name of the same file must yield the same one to run it.
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            os.chmod(name, stat.S_IMODE(mode) | bits, dir_fd=folder)
            return os.open(name, flags, dir_fd=folder)

    def note_name(self, name: bytes, path: bytes) -> None:
        """Note the digests in an entry's name. Raises OutputRefused for one that is scratch."""
        for _, found in self._scanner.find(name):
            if found in self._scratches:
                whose = "the output's own" if found == self._own else "another output's"
                raise OutputRefused(
                    f"{self.show(path)} has {whose} digest in its name, where it cannot be "
                    "rewritten"
                )
            self.seen.add(found)

    def unite(self, leaf: Staged, path: bytes) -> None:
        """Let a file that another process has copied, too, be the inode of this one's copy."""
        if leaf.node.kind is NodeKind.FILE and not leaf.texts:
            before = self.written[leaf.node.payload, leaf.node.executable]
            if share_within(before, self.staging, SPARE, self.staging):
                # Renaming one name of an inode over another does nothing, and leaves both.
                os.rename(SPARE, path, src_dir_fd=self.staging, dst_dir_fd=self.staging)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(SPARE, dir_fd=self.staging)
                leaf.shared = True

    # -- files and links --

    def copy(
        self,
        name: bytes,
        source: int,
        target: int,
        path: bytes,
        mode: int,
        executable: bool | None = None,
    ) -> Staged:
        """Copy a leaf of this ``mode``. The last part of ``path`` is the copy's name;
        ``executable`` overrides a file's bit. Raises OutputRefused for what no object can hold."""
        if stat.S_ISREG(mode):
            return self.file(name, source, target, path, executable)
        if stat.S_ISLNK(mode):
            return self._link(name, source, target, path)
        raise OutputRefused(
            f"{self.show(path)} is {special(mode)}, which no store object can hold",
            hint="the builder must not leave it in its output" if self._ours else None,
        )

    def _link(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        text = os.readlink(name, dir_fd=source)
        texts = self._scan(text)
        name = path.rpartition(b"/")[2]
        os.symlink(text, name, dir_fd=target)
        os.utime(name, ns=TIMES, dir_fd=target, follow_symlinks=False)
        self.rewritable += bool(texts)
        return Staged(blanked_link(text, self._mine(texts)), link(text), texts)

    def file(
        self, name: bytes, source: int, target: int, path: bytes, executable: bool | None
    ) -> Staged:
        """Copy a file, as :meth:`copy` does."""
        fd = self.open(name, source, os.O_NONBLOCK, 0o400, path)
        try:
            found = os.fstat(fd)
            mode, size = found.st_mode, found.st_size
            if not stat.S_ISREG(mode):
                raise OutputRefused(f"{self.show(path)} was replaced while the tree was read")
            self._room.take(size, lambda: self.show(path))
            chosen = mode & 0o111 != 0 if executable is None else executable
            copied = path.rpartition(b"/")[2]
            if size <= CHUNK:
                self._widen(size)
                if os.readv(fd, (self._view[OVERLAP:],)) == size:
                    data = self._view[OVERLAP : OVERLAP + size]
                    return self._small(copied, data, target, path, chosen)
                os.lseek(fd, 0, os.SEEK_SET)
            return self._large(copied, fd, target, path, chosen)
        finally:
            os.close(fd)

    def _widen(self, size: int) -> None:
        """Make the buffer hold ``size`` bytes, and one more, after the end of a former chunk. All
        files are read into the same memory: pages that are new cost more than the copy does."""
        if OVERLAP + size >= len(self._buffer):
            width = min(max(2 * size, _NARROW), CHUNK)
            self._buffer = bytearray(OVERLAP + width + 1)
            self._view = memoryview(self._buffer)

    def _small(
        self, name: bytes, data: memoryview, target: int, path: bytes, executable: bool
    ) -> Staged:
        texts = self._scan(bytes(data)) if self._scanner.texts else NO_TEXTS
        node = file(digest.file_digest(data), len(data), executable=executable)
        if not texts and self._share(node, data, name, target, path):
            return Staged(node, node, shared=True)
        # Its final mode from the start, unless it is to be written again.
        mode = 0o600 if texts else mode_of(executable)
        fd = create(name, target, mode)
        try:
            write_all(fd, data)
            return self._finished(fd, node, texts, path, made=mode)
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
        out = create(name, target, 0o600)
        try:
            content, size, texts = self._copy(fd, out)
            os.ftruncate(out, size)
            node = file(content, size, executable=executable)
            if texts or not sharing or not self._can_share(node):
                return self._finished(out, node, texts, path, made=0o600)
        finally:
            os.close(out)
        os.unlink(name, dir_fd=target)
        if self._share(node, None, name, target, path):
            return Staged(node, node, shared=True)
        os.lseek(fd, 0, os.SEEK_SET)
        return self._large(name, fd, target, path, executable, sharing=False)

    def _copy(self, fd: int, out: int) -> tuple[bytes, int, frozenset[bytes]]:
        """Copy an open file in chunks; returns its digest and size, and the scratch digests that
        it holds. Before each chunk in the buffer are the last bytes of the former one: a digest may
        lie across the border."""
        self._widen(CHUNK)
        hasher, texts, view = digest.file_hasher(), NO_TEXTS, self._view
        size = kept = 0
        while count := os.readv(fd, (view[OVERLAP : OVERLAP + CHUNK],)):
            size += count
            end = OVERLAP + count
            hasher.update(view[OVERLAP:end])
            if count == CHUNK and self._buffer.startswith(ZEROS, OVERLAP):
                os.lseek(out, count, os.SEEK_CUR)
                kept = 0  # no digest reaches into zeros
                continue
            write_or_skip(out, self._buffer, OVERLAP, end)
            if self._scanner.texts:
                texts |= self._scan(bytes(view[OVERLAP - kept : end]), texts)
                kept = min(OVERLAP, kept + count)
                view[OVERLAP - kept : OVERLAP] = view[end - kept : end]
        return hasher.digest(), size, texts

    def _finished(
        self, fd: int, node: Node, texts: frozenset[bytes], path: bytes, *, made: int
    ) -> Staged:
        self.fresh_files += 1
        if self._first:
            self._writeback.note(node.size)
        if texts:
            self.rewritable += 1
            return Staged(blanked_file(fd, node, self._mine(texts)), node, texts)
        mode = mode_of(node.executable)
        if made != mode or self._masked:
            os.fchmod(fd, mode)
        os.utime(fd, ns=TIMES)
        self.written[node.payload, node.executable] = path
        return Staged(node, node)

    def _can_share(self, node: Node) -> bool:
        key = (node.payload, node.executable)
        return key in self.written or bool(self._holders.find(content_of(*key)))

    def _share(
        self, node: Node, data: memoryview | None, name: bytes, target: int, path: bytes
    ) -> bool:
        # Equal files of one tree always share: a program that sees links (tar) must not see
        # whether another object had the content before.
        key = (node.payload, node.executable)
        before = self.written.get(key)
        if before is not None:
            return share_within(before, self.staging, name, target)
        for source in self._holders.find(content_of(*key)):
            # Views are compared byte by byte, and bytes at once.
            known = None if data is None else bytes(data)
            if share(self._objects, source, node, known, name, target):
                self.written[key] = path
                return True
        return False

    def _scan(self, data: bytes, known: frozenset[bytes] = NO_TEXTS) -> frozenset[bytes]:
        """Note the digests in ``data``; returns those to be rewritten, but for the ``known``."""
        found = self._scanner.texts_in(data, known)
        self.seen |= found
        return self._scratches & found

    def _mine(self, texts: frozenset[bytes]) -> bytes | None:
        return self._own if self._own in texts else None
