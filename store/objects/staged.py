"""What a copied tree is, until it is an object: its nodes on disk, and those that count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from store import digest
from store.model import identity
from store.model.tree import Directory, Node, NodeKind, file, link
from store.objects.content import blanked_digest

TOP = b"x"
"""The name that the copied tree has in the staging folder."""

Content: TypeAlias = tuple[bytes, bool]
"""The digest of a file's bytes, and whether it is executable: equal ones are one inode."""

Packed: TypeAlias = tuple[int, bool, int, bytes, bytes | None, tuple[tuple[int, bytes], ...], bool]
"""A :class:`Staged` file or link as a helper hands it back: few objects, and quickly pickled."""


EMPTY = Directory(()).node()
"""The node of an empty directory."""


@dataclass(slots=True)
class Staged:
    """A node of the copied tree. ``blanked`` counts for identity, ``node`` is as on disk.

    ``places`` are offsets of scratch digests' texts in a file or link target, not replaced yet.
    ``shared`` says that the inode needs not be published.
    """

    blanked: Node
    node: Node
    places: tuple[tuple[int, bytes], ...] = ()
    shared: bool = False
    entries: dict[bytes, Staged] = field(default_factory=dict)

    @property
    def leaf(self) -> bool:
        """Whether it is a file or link."""
        return self.node.kind is not NodeKind.DIRECTORY

    def files(self) -> Iterator[Staged]:
        """Every file and link below, or this one."""
        if self.node.kind is not NodeKind.DIRECTORY:
            yield self
        for entry in self.entries.values():
            yield from entry.files()

    def folders(self) -> int:
        """How many folders there are, this one included."""
        below = sum(entry.folders() for entry in self.entries.values())
        return below + (self.node.kind is NodeKind.DIRECTORY)

    def directories(self) -> dict[bytes, Directory]:
        """Every directory below, and this one, by its node's payload."""
        found: dict[bytes, Directory] = {}
        self._seal(found, blanked=False)
        return found

    def _seal(self, found: dict[bytes, Directory], *, blanked: bool) -> Node:
        if self.node.kind is not NodeKind.DIRECTORY:
            return self.blanked if blanked else self.node
        listing = []
        for name, entry in self.entries.items():
            listing.append((name, entry._seal(found, blanked=blanked)))
        directory = Directory(tuple(sorted(listing, key=lambda item: item[0])))
        sealed = directory.node()
        found[sealed.payload] = directory
        if blanked:
            self.blanked = sealed
        else:
            self.node = sealed
        return sealed

    def blanked_tree(self) -> Node:
        """The node that counts for identity, once no places but its own are left."""
        return self._seal({}, blanked=True)


@dataclass(frozen=True)
class Share:
    """What a helper has copied: the leaves of each folder that it made, and its counts."""

    folders: list[tuple[bytes, list[tuple[bytes, Packed]]]]
    written: dict[Content, bytes]
    seen: set[bytes]
    fresh_files: int
    rewritable: int


def replaced(text: bytes, places: Iterable[tuple[int, bytes]]) -> bytes:
    """``text`` with each of the given digests (or blanks) at its offset."""
    changed = bytearray(text)
    for offset, new in places:
        changed[offset : offset + digest.TEXT_SIZE] = new
    return bytes(changed)


def blanked_link(target: bytes, offsets: Iterable[int]) -> Node:
    """The node that counts for a link that names its own object at ``offsets``."""
    return link(replaced(target, [(offset, identity.BLANK) for offset in offsets]))


def blanked_file(fd: int, node: Node, offsets: Sequence[int]) -> Node:
    """The node that counts for an open file that names its own object at ``offsets``."""
    if not offsets:
        return node
    payload = identity.blanked_file(blanked_digest(fd, offsets), offsets)
    return file(payload, node.size, executable=node.executable)


def pack(leaf: Staged) -> Packed:
    """A leaf as a tuple, to cross from one process to another."""
    node, blanked = leaf.node, leaf.blanked
    payload = None if blanked == node else blanked.payload
    fields = (int(node.kind), node.executable, node.size, node.payload)
    return (*fields, payload, leaf.places, leaf.shared)


def unpack(fields: Packed) -> Staged:
    """The inverse of :func:`pack`."""
    kind, executable, size, payload, blanked, places, shared = fields
    node = Node(NodeKind(kind), executable, size, payload)
    other = node if blanked is None else Node(node.kind, executable, size, blanked)
    return Staged(other, node, places, shared)
