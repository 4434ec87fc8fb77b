"""An object's head: its manifest, its closure, and the frames of its pack.

The *stream* of an object is its distinct contents that are not empty, one after the other. They
come in the order in which a walk first meets them: the files of a folder by name, then its folders
by name. The pack is that stream, cut anywhere into frames, each compressed by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from store import canon
from store.canon import Value
from store.digest import DIGEST_SIZE
from store.display import quoted
from store.errors import FormatError
from store.model import fields
from store.model.file_tree import Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId

VERSION: Final = 1

FRAME_LIMIT: Final = 4 << 20
"""Bytes of a frame before it is compressed, at most."""

PACKED_OVERHEAD: Final = 1 << 16
"""Bytes that a frame may grow by when it is compressed."""


class PackFrame(NamedTuple):
    """A part of a pack: its bytes there, and those of the stream that it holds."""

    packed: int
    unpacked: int


class ContentSpan(NamedTuple):
    """A content of the stream: the digest of its bytes, where they begin, and how many."""

    digest: bytes
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Head:
    """``closure`` has every object that this one refers to, directly or not, sorted, without
    itself. ``pack_digest`` is the plain BLAKE3 of the pack (32 bytes)."""

    manifest: Manifest
    closure: tuple[ObjectId, ...]
    pack_digest: bytes
    frames: tuple[PackFrame, ...]

    def __post_init__(self) -> None:
        fields.strictly_ascending(self.closure, "a closure")
        if self.manifest.id in self.closure or not set(self.manifest.references) <= {*self.closure}:
            raise FormatError(f"the closure of {self.manifest.id} is not one")
        for frame in self.frames:
            if not (
                0 < frame.unpacked <= FRAME_LIMIT
                and 0 < frame.packed <= frame.unpacked + PACKED_OVERHEAD
            ):
                raise FormatError(f"a pack with a frame of {quoted(frame)} bytes")
        size = sum(span.size for span in stream(self.manifest))
        if sum(frame.unpacked for frame in self.frames) != size:
            raise FormatError(f"the frames of {self.manifest.id} do not hold its {size} bytes")

    @property
    def packed_size(self) -> int:
        """Bytes of the whole pack."""
        return sum(frame.packed for frame in self.frames)

    def encode(self) -> bytes:
        """Return ``[version, manifest, [object, …], pack's digest, [[packed, unpacked], …]]``."""
        return canon.encode(
            [
                VERSION,
                self.manifest.encode(),
                [fields.object_id_fields(oid) for oid in self.closure],
                self.pack_digest,
                [[frame.packed, frame.unpacked] for frame in self.frames],
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Head:
        """Return the inverse of :meth:`encode`; FormatError or InvalidName for anything else."""
        version, manifest, closure, pack_digest, frames = fields.array(canon.decode(data), 5)
        if version != VERSION:
            raise FormatError(f"a head of version {quoted(version)}, not {VERSION}")
        return cls(
            manifest=Manifest.decode(fields.raw(manifest)),
            closure=fields.object_ids(closure),
            pack_digest=fields.raw(pack_digest, DIGEST_SIZE),
            frames=fields.several(frames, _frame),
        )

    @staticmethod
    def manifest_of(data: bytes) -> bytes:
        """Return the manifest in an encoded head, as it stands there; FormatError."""
        return fields.raw(fields.array(canon.decode(data), 5)[1])


def _frame(value: Value) -> PackFrame:
    packed, unpacked = fields.array(value, 2)
    return PackFrame(fields.integer(packed), fields.integer(unpacked))


def stream(manifest: Manifest) -> list[ContentSpan]:
    """Return the contents of the object's stream, in order. FormatError when one digest stands for
    two sizes."""
    sizes: dict[bytes, int] = {}
    for _, node in files(manifest):
        if node.size and sizes.setdefault(node.payload, node.size) != node.size:
            raise FormatError(f"{manifest.id} has a content of two sizes")
    offsets = accumulate(sizes.values(), initial=0)
    return [
        ContentSpan(digest, offset, size)
        for (digest, size), offset in zip(sizes.items(), offsets, strict=False)
    ]


def files(manifest: Manifest) -> Iterator[tuple[bytes, Node]]:
    """Yield the files with their paths, in the order of the stream; those of equal folders once.
    The path of an object that is a file is empty."""
    if manifest.root.kind is NodeKind.FILE:
        yield b"", manifest.root
        return
    seen: set[bytes] = set()
    stack = [(b"", manifest.root)]
    while stack:
        above, folder = stack.pop()
        if folder.kind is not NodeKind.DIRECTORY or folder.payload in seen:
            continue
        seen.add(folder.payload)
        below = manifest.directories[folder.payload].entries
        for name, node in below:
            if node.kind is NodeKind.FILE:
                yield above + name, node
        stack += [
            (b"%b%b/" % (above, name), node)
            for name, node in reversed(below)
            if node.kind is NodeKind.DIRECTORY
        ]
