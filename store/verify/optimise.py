"""Sharing after the fact: equal files that are not one inode yet become one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from store.errors import StoreError
from store.layout.paths import Layout
from store.local.discarding import clear_leftovers
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.check import Unread, check_tree
from store.objects.content import file_digest
from store.objects.ingest import ingest_again
from store.objects.sharing import link_path, publish
from store.system.longpath import lstat, open_at
from store.verify.objects import read_manifest


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
    for oid, _ in store.objects():
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
    if check_tree(store.layout.object(oid), manifest, files.append):
        return 0
    saved = sum(_gain(store.layout, file) for file in files if file.links == 1)
    if saved:
        with store.claims() as claims:
            path = store.layout.object(oid)
            ingest_again(
                store.layout.root, path, oid, manifest.references, claims=claims, always=True
            )
    return saved


def _gain(layout: Layout, file: Unread) -> int:
    """The bytes that sharing this file would free; a sound one that is the first is shared here."""
    executable = bool(lstat(file.path).st_mode & 0o100)
    shared = link_path(layout.links, file.expected, executable)
    try:
        # Nothing is shared that was not read: a damaged file must not spread.
        if file_digest(shared) == file.expected:
            return file.size
    except FileNotFoundError:
        if file_digest(file.path) == file.expected:
            _publish(layout, file, executable)
    return 0


def _publish(layout: Layout, file: Unread, executable: bool) -> None:
    folder = open_at(os.path.dirname(file.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name = os.fsencode(os.path.basename(file.path))
        publish(layout.links, file.expected, executable, name, folder)
    finally:
        os.close(folder)
