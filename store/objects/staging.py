"""Copying a tree to fresh inodes in one pass: read once, scanned, hashed, shared or written.

Walks with directory descriptors and never follows a link. A file that names a scratch digest is
copied with its places noted, and rewritten when the identity that replaces it is known. When a tree
turns out to be large, other processes walk it too, each from another end: the process that makes a
folder's copy copies its files, and nobody else does.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection
from functools import partial

from store import digest
from store.errors import OutputRefused, UsageError
from store.model.file_tree import Node, NodeKind, file, link
from store.objects.content import CHUNK, ZEROS
from store.objects.contents import ContentHolders, content_of
from store.objects.entries import (
    create,
    folders_of,
    listing,
    make,
    readable,
    special,
    umask,
    write_all,
    write_or_skip,
)
from store.objects.scan import OVERLAP, Scanner
from store.objects.sharing import TIMES, mode_of, share, share_within
from store.objects.staged import (
    EMPTY,
    NO_TEXTS,
    TOP,
    Content,
    Staged,
    StagedShare,
    blanked_file,
    blanked_link,
    pack,
    unpack,
)
from store.objects.writeback import Writeback
from store.system.disk_reserve import DiskReserveCheck
from store.system.forking import ForkedCall, results
from store.system.parallel import worker_count

DEEPEST = 200
"""Levels of folders that an object may have: each takes two descriptors, and some stack."""


FILES_ALONE = 1500
"""Files after which other processes are asked to help: forking costs as much as some hundred."""

_NARROW = 16 << 10
"""Bytes of the first buffer: most trees that are built hold less in each file."""

SPARE = b"spare"
"""A name in the staging folder for a moment."""


class Copier:
    """Copies one tree into the staging folder that is open as ``staging``.

    ``seen`` collects the digest texts that were found, ``fresh_files`` counts new inodes, and
    ``rewritable`` the files and links that hold a scratch digest.
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
        store: tuple[int, int],
        reserve: int,
        longest: int,
    ) -> None:
        """Keep the arguments. ``objects`` is the open store directory; ``holders`` find its files
        that can be shared. ``scratches`` are the texts to be rewritten, ``own`` the one of this
        tree.

        ``shown`` is the tree's path in messages; ``ours`` says that modes of the source may be
        changed where they forbid reading; ``store`` is the device and inode of the store's root,
        which must not lie in the tree; ``reserve`` are bytes of disk that must stay free;
        ``longest`` are the bytes of the longest path below the tree's top that programs can name.
        """
        self._staging = staging
        self._objects = objects
        self._holders = holders
        self._scanner = scanner
        self._own = own
        self._scratches = frozenset(scratches)
        self._shown = shown
        self._ours = ours
        self._store = store
        self._masked = bool(umask() & 0o555)
        self._written: dict[Content, bytes] = {}
        self._folders: dict[bytes, Staged] = {}
        self._helpers: list[ForkedCall[StagedShare]] = []
        self._alone = worker_count() == 1
        self._backward = False
        self._unnoted = True
        self._first = True
        self._writeback = Writeback(staging)
        self._room = DiskReserveCheck(staging, reserve)
        self._longest = longest + len(TOP)
        self._files = 0
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self.seen: set[bytes] = set()
        self.fresh_files = 0
        self.rewritable = 0

    def copy(self, name: bytes, source: int, executable: bool | None = None) -> Staged:
        """Copy entry ``name`` of the folder ``source``; ``executable`` overrides a file's bit.

        Raises OutputRefused for what no object can hold.
        """
        mode = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        if not stat.S_ISDIR(mode):
            return self._leaf(name, source, self._staging, TOP, mode, executable)
        self._top = (name, source)
        try:
            staged = self._directory(name, source, self._staging, TOP)
            for share in results(self._helpers):
                self._take_over(share)
        except BaseException:
            for helper in self._helpers:
                helper.cancel()
            self._writeback.cancel()
            raise
        self._writeback.end()
        return staged

    def _leaf(
        self,
        name: bytes,
        source: int,
        target: int,
        path: bytes,
        mode: int,
        executable: bool | None = None,
    ) -> Staged:
        """Copy a leaf. ``path`` is relative to the staging folder; its last part is the copy's
        name."""
        if stat.S_ISREG(mode):
            return self._file(name, source, target, path, executable)
        if stat.S_ISLNK(mode):
            return self._link(name, source, target, path)
        raise OutputRefused(
            f"{self._show(path)} is {special(mode)}, which no store object can hold",
            hint="the builder must not leave it in its output" if self._ours else None,
        )

    def _show(self, path: bytes) -> str:
        return readable(self._shown + path[len(TOP) :])

    def _open(self, name: bytes, folder: int, kind: int, bits: int, path: bytes) -> int:
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
                    f"{self._show(path)} cannot be read", hint="its mode forbids it"
                ) from None
            # The other bits stay: another name of the same file must yield the same one to run it.
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            os.chmod(name, stat.S_IMODE(mode) | bits, dir_fd=folder)
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

    def _directory(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        if path.count(b"/") > DEEPEST:
            raise OutputRefused(f"{self._show(path)} lies more than {DEEPEST} folders deep")
        below = self._open(name, source, os.O_DIRECTORY, 0o700, path)
        try:
            found = os.fstat(below)
            if (found.st_dev, found.st_ino) == self._store:
                raise UsageError(f"{self._show(path)} is the store, which cannot hold itself")
            copied = path.rpartition(b"/")[2]
            mine = make(copied, target)
            into = os.open(copied, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=target)
            try:
                return self._entries(below, into, path, mine)
            finally:
                os.close(into)
        finally:
            os.close(below)

    def _entries(self, below: int, into: int, path: bytes, mine: bool) -> Staged:
        staged = Staged(EMPTY, EMPTY)
        self._folders[path] = staged
        entries = staged.entries
        folders = []
        for name, kind in listing(below) if mine else folders_of(below):
            at = path + b"/" + name
            if len(at) > self._longest:
                raise OutputRefused(
                    f"{self._show(at)} is a longer path than any program could open in the store",
                    hint=f"{len(at) - self._longest} bytes fewer are short enough",
                )
            if len(name) >= digest.TEXT_SIZE:
                self._note_name(name, at)
            if kind == stat.S_IFDIR:
                folders.append((name, at))
            elif kind == stat.S_IFREG:
                entries[name] = self._file(name, below, into, at, None)
            else:
                entries[name] = self._leaf(name, below, into, at, kind)
        self._files += len(entries)
        if self._files >= FILES_ALONE:
            self._call_helpers()
        for name, at in reversed(folders) if self._backward else folders:
            entries[name] = self._directory(name, below, into, at)
        return staged

    # -- several processes --

    def _call_helpers(self) -> None:
        if not self._alone:
            self._alone = True
            self._holders.close()
            for number in range(1, worker_count()):
                self._helpers.append(ForkedCall(partial(self._help, number)))

    def _help(self, number: int) -> StagedShare:
        """Walk the whole tree in a helper, and copy what nobody else has begun to copy."""
        self._first = False
        self._helpers = []
        self._folders = {}
        self.seen, self.fresh_files, self.rewritable = set(), 0, 0
        self._backward = number % 2 == 1
        before = set(self._written)
        name, source = self._top
        self._directory(name, source, self._staging, TOP)
        folders = []
        for path, staged in self._folders.items():
            leaves = [(name, pack(leaf)) for name, leaf in staged.entries.items() if leaf.leaf]
            if leaves:
                folders.append((path, leaves))
        written = {key: path for key, path in self._written.items() if key not in before}
        self._holders.close()
        return StagedShare(folders, written, self.seen, self.fresh_files, self.rewritable)

    def _take_over(self, share: StagedShare) -> None:
        """Add a helper's copies. A file that both copied becomes one inode, as if one had."""
        twice = share.written.keys() & self._written.keys()
        for path, packed in share.folders:
            staged = self._folders.get(path)
            if staged is None:
                raise OutputRefused(f"{self._show(path)} was made while the tree was read")
            for name, fields in packed:
                leaf = unpack(fields)
                staged.entries[name] = leaf
                if twice and (leaf.node.payload, leaf.node.executable) in twice:
                    self._unite(leaf, path + b"/" + name)
        self._written = share.written | self._written
        self.seen |= share.seen
        self.fresh_files += share.fresh_files
        self.rewritable += share.rewritable

    def _unite(self, leaf: Staged, path: bytes) -> None:
        if leaf.node.kind is NodeKind.FILE and not leaf.texts:
            before = self._written[leaf.node.payload, leaf.node.executable]
            if share_within(before, self._staging, SPARE, self._staging):
                # Renaming one name of an inode over another does nothing, and leaves both.
                os.rename(SPARE, path, src_dir_fd=self._staging, dst_dir_fd=self._staging)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(SPARE, dir_fd=self._staging)
                leaf.shared = True

    # -- files and links --

    def _link(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        text = os.readlink(name, dir_fd=source)
        texts = self._scan(text)
        name = path.rpartition(b"/")[2]
        os.symlink(text, name, dir_fd=target)
        os.utime(name, ns=TIMES, dir_fd=target, follow_symlinks=False)
        self.rewritable += bool(texts)
        return Staged(blanked_link(text, self._mine(texts)), link(text), texts)

    def _file(
        self, name: bytes, source: int, target: int, path: bytes, executable: bool | None
    ) -> Staged:
        fd = self._open(name, source, os.O_NONBLOCK, 0o400, path)
        try:
            found = os.fstat(fd)
            mode, size = found.st_mode, found.st_size
            if not stat.S_ISREG(mode):
                raise OutputRefused(f"{self._show(path)} was replaced while the tree was read")
            self._room.take(size, lambda: self._show(path))
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
        self._written[node.payload, node.executable] = path
        return Staged(node, node)

    def _can_share(self, node: Node) -> bool:
        key = (node.payload, node.executable)
        return key in self._written or bool(self._holders.find(content_of(*key)))

    def _share(
        self, node: Node, data: memoryview | None, name: bytes, target: int, path: bytes
    ) -> bool:
        # Equal files of one tree always share: a program that sees links (tar) must not see
        # whether another object had the content before.
        key = (node.payload, node.executable)
        before = self._written.get(key)
        if before is not None:
            return share_within(before, self._staging, name, target)
        for source in self._holders.find(content_of(*key)):
            # Views are compared byte by byte, and bytes at once.
            known = None if data is None else bytes(data)
            if share(self._objects, source, node, known, name, target):
                self._written[key] = path
                return True
        return False

    def _scan(self, data: bytes, known: frozenset[bytes] = NO_TEXTS) -> frozenset[bytes]:
        """Note the digests in ``data``; returns those to be rewritten, but for the ``known``."""
        found = self._scanner.texts_in(data, known)
        self.seen |= found
        return self._scratches & found

    def _mine(self, texts: frozenset[bytes]) -> bytes | None:
        return self._own if self._own in texts else None
