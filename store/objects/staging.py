"""Copying a tree to fresh inodes in one pass: the walk, by one process or several.

Walks with directory descriptors and never follows a link. When a tree turns out to be large, other
processes walk it too, each from another end: the process that makes a folder's copy copies its
files, and nobody else does.
"""

from __future__ import annotations

import os
import stat
from functools import partial

from store import digest
from store.errors import UsageError
from store.job_errors import OutputRefused
from store.objects.entries import folders_of, listing, make
from store.objects.leaves import LeafCopier
from store.objects.staged import EMPTY, TOP, Staged, StagedShare, pack, unpack
from store.system.forking import ForkedCall, results
from store.system.parallel import worker_count

DEEPEST = 200
"""Levels of folders that an object may have: each takes two descriptors, and some stack."""

FILES_ALONE = 1500
"""Files after which other processes are asked to help: forking costs as much as some hundred."""


class Copier:
    """Copies one tree into the staging folder of ``leaves``, which copy its files and links."""

    def __init__(self, leaves: LeafCopier, *, store: tuple[int, int], longest: int) -> None:
        """Keep the arguments. ``store`` is the device and inode of the store's root, which must not
        lie in the tree; ``longest`` are the bytes of the longest path below the tree's top that
        programs can name."""
        self._leaves = leaves
        self._staging = leaves.staging
        self._store = store
        self._longest = longest + len(TOP)
        self._folders: dict[bytes, Staged] = {}
        self._helpers: list[ForkedCall[StagedShare]] = []
        self._alone = worker_count() == 1
        self._backward = False
        self._files = 0

    def copy(self, name: bytes, source: int, executable: bool | None = None) -> Staged:
        """Copy entry ``name`` of the folder ``source``; ``executable`` overrides a file's bit.

        Raises OutputRefused for what no object can hold.
        """
        mode = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        if not stat.S_ISDIR(mode):
            return self._leaves.copy(name, source, self._staging, TOP, mode, executable)
        self._top = (name, source)
        try:
            staged = self._directory(name, source, self._staging, TOP)
            for share in results(self._helpers):
                self._take_over(share)
        except BaseException:
            for helper in self._helpers:
                helper.cancel()
            self._leaves.cancel()
            raise
        self._leaves.end()
        return staged

    def _directory(self, name: bytes, source: int, target: int, path: bytes) -> Staged:
        if path.count(b"/") > DEEPEST:
            raise OutputRefused(f"{self._leaves.show(path)} lies more than {DEEPEST} folders deep")
        below = self._leaves.open(name, source, os.O_DIRECTORY, 0o700, path)
        try:
            found = os.fstat(below)
            if (found.st_dev, found.st_ino) == self._store:
                raise UsageError(
                    f"{self._leaves.show(path)} is the store, which cannot hold itself"
                )
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
        entries, leaves = staged.entries, self._leaves
        folders = []
        for name, kind in listing(below) if mine else folders_of(below):
            at = path + b"/" + name
            if len(at) > self._longest:
                raise OutputRefused(
                    f"{leaves.show(at)} is a longer path than any program could open in the store",
                    hint=f"{len(at) - self._longest} bytes fewer are short enough",
                )
            if len(name) >= digest.TEXT_SIZE:
                leaves.note_name(name, at)
            if kind == stat.S_IFDIR:
                folders.append((name, at))
            elif kind == stat.S_IFREG:
                entries[name] = leaves.file(name, below, into, at, None)
            else:
                entries[name] = leaves.copy(name, below, into, at, kind)
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
            self._leaves.let_go()
            for number in range(1, worker_count()):
                self._helpers.append(ForkedCall(partial(self._help, number)))

    def _help(self, number: int) -> StagedShare:
        """Walk the whole tree in a helper, and copy what nobody else has begun to copy."""
        self._leaves.begin_help()
        self._helpers = []
        self._folders = {}
        self._backward = number % 2 == 1
        before = set(self._leaves.written)
        name, source = self._top
        self._directory(name, source, self._staging, TOP)
        folders = []
        for path, staged in self._folders.items():
            leaves = [(name, pack(leaf)) for name, leaf in staged.entries.items() if leaf.leaf]
            if leaves:
                folders.append((path, leaves))
        self._leaves.let_go()
        done = self._leaves
        written = {key: path for key, path in done.written.items() if key not in before}
        return StagedShare(folders, written, done.seen, done.fresh_files, done.rewritable)

    def _take_over(self, share: StagedShare) -> None:
        """Add a helper's copies. A file that both copied becomes one inode, as if one had."""
        twice = share.written.keys() & self._leaves.written.keys()
        for path, packed in share.folders:
            staged = self._folders.get(path)
            if staged is None:
                raise OutputRefused(f"{self._leaves.show(path)} was made while the tree was read")
            for name, fields in packed:
                leaf = unpack(fields)
                staged.entries[name] = leaf
                if twice and (leaf.node.payload, leaf.node.executable) in twice:
                    self._leaves.unite(leaf, path + b"/" + name)
        self._leaves.add(share)
