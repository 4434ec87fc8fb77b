"""Sharing after the fact: equal files that are not one inode yet become one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from store.errors import StoreError
from store.index.content_table import ContentTable
from store.layout.paths import Layout
from store.local.equal_files import reconcile
from store.local.store import Store
from store.local.swaps import clear_leftovers
from store.model.file_tree import file as node_of_file
from store.model.names import ObjectId
from store.objects.content import file_digest
from store.objects.contents import ContentHolders, content_of
from store.objects.ingest import ingest_again
from store.objects.sharing import serves
from store.objects.tree_check import Unread, check_tree
from store.system.longpath import lstat
from store.verify.object_check import read_manifest

MOST_NAMES = 60_000
"""Names of a file beyond which others share another one: file systems have a limit."""


@dataclass(frozen=True)
class Optimised:
    """``saved`` bytes of one object; ``problem`` says why it was left as it is."""

    object: ObjectId
    saved: int = 0
    problem: str = ""


def optimise(store: Store) -> Iterator[Optimised]:
    """Share the files of every object, and tell of those that were changed, or could not be.

    An object is replaced by a copy that shares, in one step: its folders are never opened.
    """
    store.check_writable()
    clear_leftovers(store)
    reconcile(store.layout, store.index)
    for oid, _ in store.objects.all():
        try:
            saved = _share(store, oid)
        except StoreError as error:
            yield Optimised(oid, problem=error.message)
            continue
        if saved:
            yield Optimised(oid, saved)


def _share(store: Store, oid: ObjectId) -> int:
    manifest = read_manifest(store.layout, oid)
    if isinstance(manifest, str):
        return 0  # a finding of `store verify`
    files: list[Unread] = []
    path = store.layout.object(oid)
    if check_tree(path, manifest, files.append):
        return 0
    with closing(ContentTable(store.layout.index)) as holders:
        equal = _Equal(store.layout, holders)
        apart = [file for file in files if equal.is_apart(file)]
    if apart:
        with store.claims() as claims:
            ingest_again(
                store.layout.root,
                path,
                oid,
                manifest.references,
                claims=claims,
                holders=ContentTable(store.layout.index),
                always=True,
            )
    return sum(file.size for file in apart if file.links == 1)


class _Equal:
    """The files of one object that could be shared."""

    def __init__(self, layout: Layout, holders: ContentHolders) -> None:
        self._layout = layout
        self._holders = holders
        self._chosen: dict[tuple[bytes, bool], int] = {}

    def is_apart(self, file: Unread) -> bool:
        """Return whether there is a sound file with equal content that it does not share yet."""
        executable = bool(lstat(file.path).st_mode & 0o100)
        content = (file.expected, executable)
        if content not in self._chosen:
            self._chosen[content] = self._choose(file, executable)
        # A damaged file itself is a finding of `store verify`.
        apart = self._chosen[content] != file.inode
        return apart and file_digest(file.path) == file.expected

    def _choose(self, file: Unread, executable: bool) -> int:
        """Return the inode that a copy of this file would share; its own when there is no other."""
        node = node_of_file(file.expected, file.size, executable=executable)
        for found in self._holders.find(content_of(file.expected, executable)):
            path = f"{self._layout.objects}/{os.fsdecode(found)}"
            try:
                seen = lstat(path)
                if seen.st_ino == file.inode:
                    return file.inode
                # Nothing is shared that was not read: a damaged file must not spread.
                if seen.st_nlink >= MOST_NAMES or not serves(seen, node):
                    continue
                if file_digest(path) == file.expected:
                    return seen.st_ino
            except OSError:
                continue
        return file.inode
