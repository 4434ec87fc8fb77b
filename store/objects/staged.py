"""A copied tree, until it is an object: its nodes on disk, and those that count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from store.model import identity
from store.model.file_tree import Directory, Node, NodeKind, file, link
from store.objects.content import blanked_payload, places, replaced

TOP = b"x"
"""The name that the copied tree has in the staging folder."""

Content: TypeAlias = tuple[bytes, bool]
"""The digest of a file's bytes, and whether it is executable: equal ones are one inode."""

Packed: TypeAlias = tuple[int, bool, int, bytes, bytes | None, frozenset[bytes], bool]
"""A :class:`Staged` file or link as a helper hands it back: few objects, and quickly pickled."""


_KINDS = tuple(NodeKind)  # by their numbers, in an instant

NO_TEXTS: frozenset[bytes] = frozenset()

EMPTY = Directory(()).node()
"""The node of an empty directory."""


@dataclass(slots=True)
class Staged:
    """A node of the copied tree. ``blanked`` counts for identity, ``node`` is as on disk.

    ``texts`` are the scratch digests that a file or link target holds, not replaced yet. Where, is
    not kept: they may be nearly all that there is.
    ``shared`` says that the inode needs not be published.
    """

    blanked: Node
    node: Node
    texts: frozenset[bytes] = NO_TEXTS
    shared: bool = False
    entries: dict[bytes, Staged] = field(default_factory=dict)

    @property
    def leaf(self) -> bool:
        """True if it is a file or link."""
        return self.node.kind is not NodeKind.DIRECTORY

    def files(self) -> Iterator[Staged]:
        """Yield every file and link below, or this one."""
        if self.node.kind is not NodeKind.DIRECTORY:
            yield self
        for entry in self.entries.values():
            yield from entry.files()

    def folders(self) -> int:
        """Return how many folders there are, this one included."""
        if self.node.kind is not NodeKind.DIRECTORY:
            return 0
        below = [entry for entry in self.entries.values() if not entry.leaf]
        return 1 + sum(entry.folders() for entry in below)

    def directories(self) -> dict[bytes, Directory]:
        """Return every directory below, and this one, by its node's payload."""
        found: dict[bytes, Directory] = {}
        self._seal(found, blanked=False)
        return found

    def _seal(self, found: dict[bytes, Directory], *, blanked: bool) -> Node:
        if self.node.kind is not NodeKind.DIRECTORY:
            return self.blanked if blanked else self.node
        for entry in self.entries.values():
            if entry.node.kind is NodeKind.DIRECTORY:
                entry._seal(found, blanked=blanked)
        entries = sorted(self.entries.items())
        if blanked:
            directory = Directory(tuple([(name, entry.blanked) for name, entry in entries]))
        else:
            directory = Directory(tuple([(name, entry.node) for name, entry in entries]))
        sealed = directory.node()
        found[sealed.payload] = directory
        if blanked:
            self.blanked = sealed
        else:
            self.node = sealed
        return sealed

    def blanked_tree(self) -> Node:
        """Return the node that counts for identity, once no texts but its own are left."""
        return self._seal({}, blanked=True)


@dataclass(frozen=True)
class StagedShare:
    """The part that a helper has copied: the leaves of each folder that it made, and its counts."""

    folders: list[tuple[bytes, list[tuple[bytes, Packed]]]]
    written: dict[Content, bytes]
    seen: set[bytes]
    fresh_files: int
    rewritable: int


def blanked_link(target: bytes, own: bytes | None) -> Node:
    """Return the node that counts for a link that may name its ``own`` object."""
    if own is None or own not in target:
        return link(target)
    found = places(target, [own])
    return link(replaced(target, [(offset, identity.BLANK) for offset, _ in found]))


def blanked_file(fd: int, node: Node, own: bytes | None) -> Node:
    """Return the node that counts for an open file that may name its ``own`` object."""
    payload = None if own is None else blanked_payload(fd, own)
    return node if payload is None else file(payload, node.size, executable=node.executable)


def pack(leaf: Staged) -> Packed:
    """Return a leaf as a tuple, to cross from one process to another."""
    node, blanked = leaf.node, leaf.blanked
    payload = None if blanked is node or blanked == node else blanked.payload
    fields = (int(node.kind), node.executable, node.size, node.payload)
    return (*fields, payload, leaf.texts, leaf.shared)


def unpack(fields: Packed) -> Staged:
    """Return the inverse of :func:`pack`."""
    kind, executable, size, payload, blanked, texts, shared = fields
    node = Node(_KINDS[kind], executable, size, payload)
    other = node if blanked is None else Node(node.kind, executable, size, blanked)
    return Staged(other, node, texts, shared)
