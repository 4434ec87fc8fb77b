"""Objects of this store as the blobs of a server of the Remote Execution API."""

from __future__ import annotations

from store.display import quoted
from store.errors import CorruptObject
from store.index.sha256_table import Sha256Table
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.objects.contents import files
from store.reapi.blob import Blob
from store.reapi.server_calls import ServerCalls
from store.reapi.tree_messages import MappedTree, contents_of, map_tree

NAME = "object"
"""The name of an object in its tree, if it is no folder; a folder is the tree itself."""


def wrapper(manifest: Manifest) -> str:
    """Return the name of an object in its tree; none for a folder."""
    return "" if manifest.root.kind is NodeKind.DIRECTORY else NAME


def mapped(layout: Layout, server: ServerCalls, manifest: Manifest) -> MappedTree:
    """Return an object's tree as messages. The SHA-256 that the table lacks is computed, and noted.
    InvalidName when the API cannot hold it; CorruptObject, StorageError.
    """
    table = Sha256Table(layout.index)
    wanted = contents_of(manifest)
    known = table.find(wanted)
    unknown = {each for each in wanted if each not in known}
    if unknown:
        paths = {node.payload: path for path, node in files(manifest) if node.payload in unknown}
        places = [_path(layout.object(manifest.id), path) for path in paths.values()]
        hashed = server.hash_files(places)
        for content, place, file in zip(paths, places, hashed, strict=True):
            if file.content != content:
                raise CorruptObject(f"{quoted(place)} is damaged")
        fresh = {file.content: bytes.fromhex(file.digest.hash) for file in hashed}
        table.note(fresh)
        known |= fresh
    return map_tree(manifest, known, wrapper(manifest))


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
