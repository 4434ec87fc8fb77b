"""The tree of an object as a cache describes it: checked as a local build's would be, and laid out
as the folders, links and files to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from store.cache.head import Head, stream
from store.digest import TEXT_SIZE
from store.display import quoted
from store.errors import CorruptObject, FormatError
from store.model import identity
from store.model.file_tree import Directory, Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import STORE_DIR, ObjectId
from store.objects.staged import TOP, Content
from store.objects.staging import DEEPEST
from store.system.longpath import LONGEST

ENTRIES_LIMIT: Final = 4_000_000
"""Files, links and folders of all objects of a pull, which are in memory together: in a head of a
few bytes, folders that hold equal ones stand for any number."""

MOST_BYTES: Final = (1 << 63) - 1
"""Bytes of a file that a file system can tell."""


@dataclass
class PulledTree:
    """Things to make, by paths below a staging folder; a folder comes before what it holds.

    ``files`` has the places of each content, ``sizes`` the bytes of those that are not empty.
    """

    folders: list[bytes] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    files: dict[Content, list[bytes]] = field(default_factory=dict)
    sizes: dict[bytes, int] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        """The number of files, links and folders."""
        return len(self.folders) + len(self.links) + sum(map(len, self.files.values()))

    def variants(self, digest: bytes) -> list[Content]:
        """Return the contents with these bytes: executable, not so, or both."""
        return [key for key in ((digest, False), (digest, True)) if key in self.files]


def checked(head: Head, oid: ObjectId, most: int = ENTRIES_LIMIT) -> PulledTree:
    """Return the tree of the object, of which this is said to be the head. It has ``most`` entries
    at most.

    CorruptObject when it is the head of another; or of a tree that could not be taken in here. The
    identity of an object that names itself cannot be known before its contents are.
    """
    manifest = head.manifest
    if manifest.id != oid:
        raise CorruptObject(f"the head of {oid} is that of {manifest.id}")
    tree = manifest.root.digest()
    if not manifest.refers_to_itself and oid != identity.object_id(
        oid.name, tree, manifest.references, False
    ):
        raise CorruptObject(f"the manifest of {oid} is that of another object")
    try:
        return _Walk(manifest, most).tree
    except FormatError as error:
        raise CorruptObject(error.message) from error


class _Walk:
    def __init__(self, manifest: Manifest, most: int) -> None:
        self._left = most
        self.tree = PulledTree(sizes={span.digest: span.size for span in stream(manifest)})
        self._manifest = manifest
        self._longest = LONGEST - len(f"{STORE_DIR}/-{manifest.id.name}") - TEXT_SIZE + len(TOP)
        self._own = manifest.id.text.encode() if manifest.refers_to_itself else None
        self._check_node(b"", manifest.root)
        for directory in manifest.directories.values():
            self._check_names(directory)
        used = self._walk()
        if used != manifest.directories.keys():
            raise FormatError(f"the manifest of {manifest.id} has a directory too many")

    def _check_names(self, directory: Directory) -> None:
        for name, node in directory.entries:
            if self._own is not None and self._own in name:
                raise FormatError(f"{quoted(name)} has its object's own digest in its name")
            self._check_node(name, node)

    @staticmethod
    def _check_node(name: bytes, node: Node) -> None:
        if not 0 <= node.size <= MOST_BYTES:
            raise FormatError(f"{quoted(name)} has {node.size} bytes")
        if node.kind is NodeKind.LINK and b"\0" in node.payload:
            raise FormatError(f"{quoted(node.payload)} cannot be a link's target")

    def _walk(self) -> set[bytes]:
        """Lay out the tree; returns the payloads of its folders."""
        used: set[bytes] = set()
        stack = [(TOP, self._manifest.root)]
        while stack:
            path, node = stack.pop()
            if node.kind is NodeKind.FILE:
                self.tree.files.setdefault((node.payload, node.executable), []).append(path)
            elif node.kind is NodeKind.LINK:
                self.tree.links.append((path, node.payload))
            else:
                used.add(node.payload)
                stack += reversed(self._entries(path, node))
        return used

    def _entries(self, path: bytes, node: Node) -> list[tuple[bytes, Node]]:
        if path.count(b"/") > DEEPEST:
            raise FormatError(f"{self._manifest.id} is more than {DEEPEST} folders deep")
        self.tree.folders.append(path)
        entries = self._manifest.directories[node.payload].entries
        self._left -= len(entries)
        if self._left < 0:
            raise FormatError(f"{self._manifest.id} has more entries than are taken at once")
        if node.size != sum(below.size for _, below in entries):
            raise FormatError(f"a directory of {self._manifest.id} has not the size of its entries")
        found = [(b"%b/%b" % (path, name), below) for name, below in entries]
        if any(len(below) > self._longest for below, _ in found):
            raise FormatError(f"{self._manifest.id} has a longer path than a program could open")
        return found
