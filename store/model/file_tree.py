"""File trees as Merkle trees.

A node is ``[kind, executable, size, payload]``. A directory's payload is the digest of its sorted
entries, each a node with a name before it. A file's is the plain BLAKE3 of its bytes; a link's, the
target itself. ``size`` is a file's bytes, a link target's bytes, and the sum of the entries' sizes
for a directory. Nothing else of a file is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from store import canon, digest
from store.canon import Value
from store.display import quoted
from store.errors import FormatError
from store.model import fields


class NodeKind(IntEnum):
    """The kind of a node; the value is part of the format."""

    DIRECTORY = 0
    FILE = 1
    LINK = 2


@dataclass(frozen=True, slots=True)
class Node:
    """A file, link or directory, without its name."""

    kind: NodeKind
    executable: bool
    size: int
    payload: bytes

    def __post_init__(self) -> None:
        if self.executable and self.kind is not NodeKind.FILE:
            raise FormatError("only a file can be executable")
        if self.kind is NodeKind.LINK:
            _check_target(self.payload, self.size)
        elif len(self.payload) != digest.DIGEST_SIZE:
            raise FormatError(f"a digest has 32 bytes, not {len(self.payload)}")

    def to_fields(self) -> list[Value]:
        """Return ``[kind, executable, size, payload]``."""
        return [int(self.kind), self.executable, self.size, self.payload]

    @classmethod
    def from_fields(cls, values: list[Value]) -> Node:
        """Return the inverse of :meth:`to_fields`; FormatError for anything else."""
        kind, executable, size, payload = fields.array(values, 4)
        try:
            node_kind = NodeKind(fields.integer(kind))
        except ValueError as error:
            raise FormatError(f"no kind of node has the number {quoted(kind)}") from error
        return cls(node_kind, fields.boolean(executable), fields.integer(size), fields.raw(payload))

    def digest(self) -> bytes:
        """Return the digest of the tree whose top is this node."""
        return digest.keyed(digest.DigestKind.TREE, canon.encode(self.to_fields()))


def check_nodes(values: Sequence[Value]) -> None:
    """Raise FormatError unless each is the fields of a node: for thousands."""
    if not _are_digested(values):
        for item in values:
            Node.from_fields(fields.array(item))


def _are_digested(values: Sequence[Any]) -> bool:
    """Return whether all of these are the fields of files and folders."""
    if set(map(type, values)) != {list} or set(map(len, values)) != {4}:
        return False
    columns = kinds, executables, sizes, payloads = tuple(zip(*values, strict=True))
    return (
        [set(map(type, column)) for column in columns] == _NODE_TYPES
        and _DIGESTED.issuperset(zip(kinds, executables, map(len, payloads), strict=True))
        and min(sizes) >= 0
    )


_NODE_TYPES = [{int}, {bool}, {int}, {bytes}]
_DIGESTED = frozenset(
    (int(kind), executable, digest.DIGEST_SIZE)
    for kind, executable in (
        (NodeKind.DIRECTORY, False),
        (NodeKind.FILE, False),
        (NodeKind.FILE, True),
    )
)
"""Kind, executable and the payload's length of files and folders: a digest is their payload."""


def file(content: bytes, size: int, *, executable: bool = False) -> Node:
    """Return a file of ``size`` bytes with the 32-byte digest ``content``."""
    return Node(NodeKind.FILE, executable, size, content)


def link(target: bytes) -> Node:
    """Return a symbolic link."""
    return Node(NodeKind.LINK, False, len(target), target)


_NO_NAMES = frozenset((b"", b".", b".."))
_LONGEST_NAME = 255


def _wrong(names: list[bytes]) -> bytes:
    return next(
        name
        for name in names
        if name in _NO_NAMES or b"/" in name or b"\0" in name or len(name) > _LONGEST_NAME
    )


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory's entries, sorted by name (as bytes)."""

    entries: tuple[tuple[bytes, Node], ...]
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.entries]
        # All at once first: trees have many names, and few are wrong.
        joined = b"/".join(names)
        if (
            joined.count(b"/") >= max(len(names), 1)
            or b"\0" in joined
            or not _NO_NAMES.isdisjoint(names)
            or max(map(len, names), default=0) > _LONGEST_NAME
        ):
            raise FormatError(f"{quoted(_wrong(names))} cannot name a directory entry")
        fields.strictly_ascending(names, "directory entries")

    def encode(self) -> bytes:
        """Return ``[[name, kind, executable, size, payload], …]``."""
        if self._encoded is None:
            data = canon.encode([[name, *node.to_fields()] for name, node in self.entries])
            object.__setattr__(self, "_encoded", data)  # a digest and a manifest both need it
            return data
        return self._encoded

    @classmethod
    def decode(cls, data: bytes) -> Directory:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        return cls.of(canon.decode(data))

    @classmethod
    def of(cls, values: list[Value]) -> Directory:
        """Return an encoded directory as a value; FormatError for anything else."""
        entries = []
        for item in values:
            name, *node = fields.array(item, 5)
            entries.append((fields.raw(name), Node.from_fields(node)))
        return cls(tuple(entries))

    def node(self) -> Node:
        """Return the node that stands for this directory in its parent."""
        return Node(
            NodeKind.DIRECTORY,
            False,
            sum(node.size for _, node in self.entries),
            digest.keyed(digest.DigestKind.DIRECTORY, self.encode()),
        )


def _check_target(target: bytes, size: int) -> None:
    # NUL bytes stand for the object's own digest in a blanked tree; no real target can hold one.
    if not target or len(target) > 4095 or size != len(target):
        raise FormatError(f"{quoted(target)} cannot be a link's target")
