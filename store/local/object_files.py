"""The files of an object: found by its manifest, read from the disk, and never by a link."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from store.display import quoted
from store.errors import CorruptObject, StoreError, UnknownObject
from store.local.store import Store
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.model.tree_paths import TreePath, below, find
from store.system.beneath import open_file_beneath, opened

CHUNK = 1 << 20
"""Bytes that are read at a time."""


def listed(
    store: Store, oid: ObjectId, path: bytes, *, recursive: bool = False
) -> Iterator[TreePath]:
    """Yield what ``path`` below an object means: of a folder, its entries. A link at the end is
    followed if a slash is after it. Raises UnknownObject."""
    manifest = store.objects.manifest(oid)
    found = find(manifest, path, follow=path.endswith(b"/"))
    if found.node.kind is NodeKind.DIRECTORY:
        yield from below(manifest, found, recursive=recursive)
    else:
        yield found


def read(store: Store, oid: ObjectId, path: bytes) -> Iterator[bytes]:
    """Yield the bytes of the file that ``path`` means, in parts. Links are followed inside the
    object. Raises UnknownObject for anything else than a file, and CorruptObject."""
    found = find(store.objects.manifest(oid), path, follow=True)
    if found.node.kind is not NodeKind.FILE:
        shown = quoted(found.path) if found.path else oid
        raise UnknownObject(f"{shown} is a folder", hint=f"`store ls {oid}` lists files")
    with opened_file(store, oid, found.path) as fd:
        while chunk := os.read(fd, CHUNK):
            yield chunk


@contextlib.contextmanager
def opened_file(store: Store, oid: ObjectId, path: bytes) -> Iterator[int]:
    """Open the file at ``path`` below an object, ``b""`` for the object itself, by no link, and
    yield its descriptor. Raises CorruptObject, also where it cannot be read meanwhile."""
    inside = os.fsencode(str(oid)) + (b"/" + path if path else b"")
    try:
        with opened(store.layout.objects) as folder:
            fd = open_file_beneath(folder, inside)
        try:
            yield fd
        finally:
            os.close(fd)
    except OSError as error:
        raise CorruptObject(
            f"{quoted(inside)} cannot be read: {error.strerror}",
            hint="`store verify --repair` mends an object",
        ) from error


def completions(store: Store, oid: ObjectId, path: bytes) -> list[bytes]:
    """Return the paths below an object that begin with ``path``; a folder's has a slash."""
    head, slash, start = path.rpartition(b"/")
    try:
        entries = list(listed(store, oid, head + b"/"))
    except StoreError:
        return []
    return [
        head + slash + entry.name + (b"/" if entry.node.kind is NodeKind.DIRECTORY else b"")
        for entry in entries
        if entry.name.startswith(start)
    ]
