"""The files of an object that hold its reference to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from store.local.object_files import opened_file
from store.local.store import Store
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.model.tree_paths import TreePath, below, find
from store.objects.content import offsets


class ReferenceFile(NamedTuple):
    """``path`` is relative to the object, ``b""`` for the object itself. The digest of the other
    stands ``times`` times in the file's bytes, in the link's target, or in the last part of the
    path; first at ``offset``, in bytes."""

    path: bytes
    kind: Literal["file", "link", "name"]
    offset: int
    times: int


def reference_files(store: Store, oid: ObjectId, other: ObjectId) -> Iterator[ReferenceFile]:
    """Yield each place of ``oid`` that names ``other``, by path. Reads all files of the object.
    Raises UnknownObject and CorruptObject."""
    manifest, text = store.objects.manifest(oid), other.text.encode()
    top = find(manifest, b"", follow=False)
    entries = below(manifest, top, recursive=True)
    for entry in [top] if top.node.kind is not NodeKind.DIRECTORY else entries:
        if text in entry.name:
            yield ReferenceFile(entry.path, "name", entry.name.find(text), entry.name.count(text))
        if entry.node.kind is NodeKind.LINK and text in entry.node.payload:
            target = entry.node.payload
            yield ReferenceFile(entry.path, "link", target.find(text), target.count(text))
        elif entry.node.kind is NodeKind.FILE and entry.node.size >= len(text):
            yield from _in_file(store, oid, entry, text)


def _in_file(store: Store, oid: ObjectId, file: TreePath, text: bytes) -> Iterator[ReferenceFile]:
    first, count = None, 0
    with opened_file(store, oid, file.path) as fd:
        for found in offsets(fd, text):
            first = found[0] if found and first is None else first
            count += len(found)
    if first is not None:
        yield ReferenceFile(file.path, "file", first, count)
