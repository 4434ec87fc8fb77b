"""Objects of this store as the blobs of a server of the Remote Execution API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from store.display import quoted
from store.errors import CorruptObject
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.objects.contents import files
from store.reapi.blob import Blob
from store.reapi.file_hashing import hash_file
from store.reapi.server_calls import ServerCalls
from store.reapi.tree_messages import MappedTree, contents_of, map_tree

NAME = "object"
"""The name of an object in its tree, if it is no folder; a folder is the tree itself."""

FEW: Final = 16
"""Files of an object that are hashed each time, at most: keeping their SHA-256 would cost more."""

LITTLE: Final = 256 << 10
"""Bytes of such files, at most."""


def wrapper(manifest: Manifest) -> str:
    """Return the name of an object in its tree; none for a folder."""
    return "" if manifest.root.kind is NodeKind.DIRECTORY else NAME


def mapped(layout: Layout, server: ServerCalls, manifest: Manifest) -> MappedTree:
    """Return an object's tree as messages. The SHA-256 that the table lacks is computed, and noted,
    unless there is little to compute. InvalidName when the API cannot hold it; CorruptObject,
    StorageError.
    """
    wanted = contents_of(manifest)
    if len(wanted) <= FEW and sum(wanted.values()) <= LITTLE:
        return map_tree(manifest, _hashed(layout, None, manifest, wanted), wrapper(manifest))
    from store.index.sha256_table import Sha256Table  # not needed for small objects

    table = Sha256Table(layout.index)
    known = table.find(wanted)
    unknown = {each for each in wanted if each not in known}
    if unknown:
        fresh = _hashed(layout, server, manifest, unknown)
        table.note(fresh)
        known |= fresh
    return map_tree(manifest, known, wrapper(manifest))


def _hashed(
    layout: Layout, server: ServerCalls | None, manifest: Manifest, contents: Collection[bytes]
) -> dict[bytes, bytes]:
    """Return the SHA-256 of some contents of an object, computed here, or by the process of a
    server, which has threads. CorruptObject, StorageError."""
    paths = {node.payload: path for path, node in files(manifest) if node.payload in contents}
    places = [_path(layout.object(manifest.id), path) for path in paths.values()]
    hashed = [*map(hash_file, places)] if server is None else server.hash_files(places)
    for content, place, file in zip(paths, places, hashed, strict=True):
        if file.content != content:
            raise CorruptObject(f"{quoted(place)} is damaged")
    return {file.content: bytes.fromhex(file.digest.hash) for file in hashed}


def blobs_of(layout: Layout, manifest: Manifest, tree: MappedTree) -> list[Blob]:
    """Return the blobs of an object: its files, by their paths, and the messages of its tree."""
    place = layout.object(manifest.id)
    paths = {node.payload: path for path, node in files(manifest)}
    contents = [
        Blob(digest, _path(place, paths[content])) for content, digest in tree.files.items()
    ]
    return [*contents, *tree.blobs()]


def _path(place: str, path: bytes) -> str:
    return f"{place}/{path.decode('utf-8', 'surrogateescape')}" if path else place
