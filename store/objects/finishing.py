"""The last steps of a copied tree before it is put in place: rewritten, made durable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from store.model.file_tree import NodeKind, file, link
from store.objects.content import places, replaced, rewrite
from store.objects.presence import MTIME_NS
from store.objects.sharing import finish, mode_of
from store.objects.staged import TOP, Staged, blanked_file, blanked_link
from store.system import kernel
from store.system.beneath import FOLDER

FEW = 12
"""Up to so many fresh inodes are synced one by one; more are cheaper with the file system."""


def rename_others(staged: Staged, texts: Mapping[bytes, bytes], folder: int) -> None:
    """Put the final digests of other outputs in the places of their scratch digests.

    Identity is of what then stands there, with the places that are left (its own) blanked.
    """
    _rewrite(staged, TOP, folder, texts, own=False)


def rename_own(staged: Staged, texts: Mapping[bytes, bytes], folder: int) -> None:
    """Put the tree's own final digest in the places of its scratch digest."""
    _rewrite(staged, TOP, folder, texts, own=True)


def _rewrite(
    staged: Staged, name: bytes, folder: int, texts: Mapping[bytes, bytes], *, own: bool
) -> None:
    if staged.entries:
        with _opened(name, folder) as below:
            for entry, node in staged.entries.items():
                _rewrite(node, entry, below, texts, own=own)
        return
    found = {text: texts[text] for text in staged.texts if text in texts}
    if not found:
        return
    staged.texts -= found.keys()
    # The rest after the others' is its own.
    left = next(iter(staged.texts), None)
    if staged.node.kind is NodeKind.LINK:
        _rewrite_link(staged, name, folder, found, left, own=own)
    else:
        _rewrite_file(staged, name, folder, found, left, own=own)


def _rewrite_link(
    staged: Staged,
    name: bytes,
    folder: int,
    texts: Mapping[bytes, bytes],
    left: bytes | None,
    *,
    own: bool,
) -> None:
    found = places(staged.node.payload, texts)
    target = replaced(staged.node.payload, [(at, texts[text]) for at, text in found])
    os.unlink(name, dir_fd=folder)
    os.symlink(target, name, dir_fd=folder)
    os.utime(name, ns=(MTIME_NS, MTIME_NS), dir_fd=folder, follow_symlinks=False)
    staged.node = link(target)
    if not own:
        staged.blanked = blanked_link(target, left)


def _rewrite_file(
    staged: Staged,
    name: bytes,
    folder: int,
    texts: Mapping[bytes, bytes],
    left: bytes | None,
    *,
    own: bool,
) -> None:
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        before = staged.node
        staged.node = file(rewrite(fd, texts), before.size, executable=before.executable)
        if not own:
            staged.blanked = blanked_file(fd, staged.node, left)
        if not staged.texts:
            finish(fd, mode_of(before.executable))
    finally:
        os.close(fd)


def finish_directories(staged: Staged, folder: int) -> None:
    """Give every directory its final mode and mtime, but for the top one, which stays writable.

    A directory without write permission could not be renamed into place.
    """
    if staged.entries:
        with _opened(TOP, folder) as below:
            _finish_below(staged, below)


def _finish_below(staged: Staged, folder: int) -> None:
    for name, entry in staged.entries.items():
        if entry.node.kind is NodeKind.DIRECTORY:
            with _opened(name, folder) as below:
                _finish_below(entry, below)
                finish(below, 0o555)


def sync(staged: Staged, fresh: int, folder: int) -> None:
    """Wait until the tree is on disk; ``fresh`` of its files are new inodes."""
    if fresh + staged.folders() > FEW:
        kernel.syncfs(folder)
        return
    _sync_each(staged, TOP, folder)
    if staged.node.kind is NodeKind.LINK:
        # Others are synced themselves. Of their names, only the final ones have to last.
        os.fsync(folder)


def _sync_each(staged: Staged, name: bytes, folder: int) -> None:
    if staged.node.kind is NodeKind.DIRECTORY:
        with _opened(name, folder) as below:
            for entry, node in staged.entries.items():
                _sync_each(node, entry, below)
            os.fsync(below)
    elif staged.node.kind is NodeKind.FILE and not staged.shared:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sync_paths(trees: Sequence[tuple[int, Sequence[bytes]]]) -> None:
    """Wait until fresh inodes, by paths below open folders of one file system, are on disk."""
    if sum(len(paths) for _, paths in trees) > FEW:
        kernel.syncfs(trees[0][0])
        return
    for folder, paths in trees:
        for path in paths:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


@contextmanager
def _opened(name: bytes, folder: int) -> Iterator[int]:
    flags = FOLDER
    fd = os.open(name, flags, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)
