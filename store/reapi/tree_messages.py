"""Objects' trees as Directory messages, and back. Written by hand: there are thousands of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from store.display import quoted
from store.errors import FormatError, InvalidName
from store.model.file_tree import Directory, Node, NodeKind
from store.model.manifest import Manifest
from store.reapi.blob import Blob, BlobDigest, Message, blob_of, read_digest
from store.reapi.messages import parse

TREE_LIMIT: Final = 256 << 20
"""Bytes of a Tree message."""

_FILES: Final = b"\x0a"  # fields of a Directory and of its entries: number and type
_DIRECTORIES: Final = b"\x12"
_LINKS: Final = b"\x1a"
_NAME: Final = b"\x0a"
_DIGEST: Final = b"\x12"
_TARGET: Final = b"\x12"
_EXECUTABLE: Final = b"\x20\x01"
_HASH: Final = b"\x0a\x40"
_SIZE: Final = b"\x10"


@dataclass(frozen=True)
class MappedTree:
    """A tree as blobs: ``root`` is the name of its top Directory; ``directories`` has the bytes of
    all, children first, and ``files`` each content (BLAKE3) by its name."""

    root: BlobDigest
    directories: dict[BlobDigest, bytes] = field(repr=False)
    files: dict[bytes, BlobDigest] = field(repr=False)

    def blobs(self) -> list[Blob]:
        """Return the directories as blobs."""
        return [Blob(digest, data) for digest, data in self.directories.items()]

    def tree(self) -> bytes:
        """Return the Tree message: the top, and each other directory once."""
        others = [data for digest, data in self.directories.items() if digest != self.root]
        parts = [_part(_DIRECTORIES, data) for data in others]
        return b"".join([_part(_FILES, self.directories[self.root]), *parts])


def contents_of(manifest: Manifest) -> dict[bytes, int]:
    """Return each content of a tree, with its size."""
    below = [node for each in manifest.directories.values() for _, node in each.entries]
    nodes = [manifest.root, *below]
    return {node.payload: node.size for node in nodes if node.kind is NodeKind.FILE}


def map_tree(manifest: Manifest, sha256: Mapping[bytes, bytes], name: str = "") -> MappedTree:
    """Return an object's tree as messages; ``sha256`` has the digest of each content. A ``name``
    wraps it in a folder in which it has that name, as has to be for one that is no folder.

    InvalidName for a tree with a name or a link that is not UTF-8: the API has only such.
    """
    mapping = _Mapping(manifest, sha256)
    if name:
        mapping.below(manifest.root)
        mapping.add(Directory(((name.encode(), manifest.root),)), b"")
    elif manifest.root.kind is NodeKind.DIRECTORY:
        mapping.below(manifest.root)
    else:
        raise FormatError(f"{manifest.id} is no folder")
    root = mapping.done[b"" if name else manifest.root.payload]
    return MappedTree(root, mapping.directories, mapping.files)


class _Mapping:
    def __init__(self, manifest: Manifest, sha256: Mapping[bytes, bytes]) -> None:
        self._manifest = manifest
        self._sha256 = sha256
        self.done: dict[bytes, BlobDigest] = {}
        self.directories: dict[BlobDigest, bytes] = {}
        self.files: dict[bytes, BlobDigest] = {}

    def below(self, root: Node) -> None:
        """Encode all directories of a tree, each after those in it; trees may be deep."""
        waiting = [root.payload] if root.kind is NodeKind.DIRECTORY else []
        while waiting:
            key = waiting[-1]
            directory = self._manifest.directories[key]
            inner = [n.payload for _, n in directory.entries if n.kind is NodeKind.DIRECTORY]
            later = [each for each in inner if each not in self.done]
            if later:
                waiting += later
                continue
            waiting.pop()
            if key not in self.done:
                self.add(directory, key)

    def add(self, directory: Directory, key: bytes) -> None:
        """Encode a directory; those in it are."""
        files, directories, links = [], [], []
        for name, node in directory.entries:
            shown = _part(_NAME, _utf8(self._manifest, name))
            if node.kind is NodeKind.FILE:
                executable = _EXECUTABLE if node.executable else b""
                files.append(_part(_FILES, shown + _part(_DIGEST, self._file(node)) + executable))
            elif node.kind is NodeKind.DIRECTORY:
                below = _part(_DIGEST, _digest(self.done[node.payload]))
                directories.append(_part(_DIRECTORIES, shown + below))
            else:
                target = _part(_TARGET, _utf8(self._manifest, node.payload))
                links.append(_part(_LINKS, shown + target))
        data = b"".join([*files, *directories, *links])
        digest = blob_of(data).digest
        self.directories[digest] = data
        self.done[key] = digest

    def _file(self, node: Node) -> bytes:
        found = self.files.get(node.payload)
        if found is None:
            found = BlobDigest(self._sha256[node.payload].hex(), node.size)
            self.files[node.payload] = found
        return _digest(found)


def _utf8(manifest: Manifest, name: bytes) -> bytes:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidName(
            f"{manifest.id} has a name that is not UTF-8, which the Remote Execution API cannot "
            f"hold: {quoted(name)}"
        ) from None
    return name


def _digest(digest: BlobDigest) -> bytes:
    size = _SIZE + _number(digest.size) if digest.size else b""
    return _HASH + digest.hash.encode() + size


def _part(tag: bytes, data: bytes) -> bytes:
    return tag + _number(len(data)) + data


def _number(value: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the least first."""
    if value < 128:
        return bytes((value,))
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


# -- and back -------------------------------------------------------------------------------------


def read_tree(data: bytes) -> tuple[Message, dict[BlobDigest, Message]]:
    """Return the top of a Tree message, and all of its directories by their digests. FormatError.

    The digests are those of the messages, written again in the one form of the specification.
    """
    tree = parse("Tree", data)
    found = {}
    for each in (tree.root, *tree.children):
        written = each.SerializeToString(deterministic=True)
        found[blob_of(written).digest] = each
    return tree.root, found


def match_tree(manifest: Manifest, data: bytes, name: str = "") -> dict[bytes, BlobDigest]:
    """Return the names of the contents of a tree, out of a Tree message that is said to be of it; a
    content without a fitting file there is left out. FormatError."""
    root, directories = read_tree(data)
    top = Directory(((name.encode(), manifest.root),)) if name else None
    found: dict[bytes, BlobDigest] = {}
    seen: set[bytes] = set()
    waiting = [(top or manifest.directories[manifest.root.payload], root)]
    while waiting:
        directory, told = waiting.pop()
        for key, node, digest in _pairs(directory, told):
            if node.kind is NodeKind.FILE and digest.size == node.size:
                found[node.payload] = digest
            elif node.kind is NodeKind.DIRECTORY and key not in seen and digest in directories:
                seen.add(key)
                waiting.append((manifest.directories[node.payload], directories[digest]))
    return found


def _pairs(directory: Directory, told: Message) -> Iterator[tuple[bytes, Node, BlobDigest]]:
    names = {(NodeKind.FILE, each.name): each.digest for each in told.files}
    names |= {(NodeKind.DIRECTORY, each.name): each.digest for each in told.directories}
    for name, node in directory.entries:
        digest = names.get((node.kind, name.decode("utf-8", "replace")))
        if digest is not None:
            yield node.payload, node, read_digest(digest)
