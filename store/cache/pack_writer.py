"""Writing an object's pack: its contents, checked as they are read, in compressed frames."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import BinaryIO, Final

from store import digest
from store.cache import zstd
from store.cache.head import FRAME_LIMIT, Head, PackFrame, files
from store.display import quoted, reason
from store.errors import CorruptObject
from store.model.file_tree import Node
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.system.beneath import open_file_beneath

SMALL: Final = 1 << 20
"""Bytes of the files that share a frame, at most; a larger file begins a frame of its own."""

AHEAD: Final = 4
"""Frames of one object that are compressed at once, or wait to be written."""


def write_pack(
    objects: int, manifest: Manifest, closure: Sequence[ObjectId], into: BinaryIO, pool: Executor
) -> Head:
    """Write the pack of an object in the store directory ``objects`` (open); returns its head.

    ``pool`` compresses, in any number of threads. CorruptObject for a file that is not as the
    manifest has it.
    """
    frames: list[PackFrame] = []
    hasher = digest.file_hasher()
    waiting: deque[tuple[int, Future[bytes]]] = deque()

    def write_first() -> None:
        size, compressed = waiting.popleft()
        packed = compressed.result()
        into.write(packed)
        hasher.update(packed)
        frames.append(PackFrame(len(packed), size))

    try:
        for data in _frames(objects, manifest):
            waiting.append((len(data), pool.submit(zstd.compress, data)))
            if len(waiting) > AHEAD:
                write_first()
        while waiting:
            write_first()
    finally:
        for _, compressed in waiting:
            compressed.cancel()
    return Head(
        manifest=manifest,
        closure=tuple(closure),
        pack_digest=hasher.digest(),
        frames=tuple(frames),
    )


def _frames(objects: int, manifest: Manifest) -> Iterator[bytes | bytearray]:
    """Yield the stream in the parts that become frames."""
    small = bytearray()
    seen: set[bytes] = set()
    for path, node in files(manifest):
        if not node.size or node.payload in seen:
            continue
        seen.add(node.payload)
        if small and len(small) + node.size > SMALL:
            yield small
            small = bytearray()
        if node.size > SMALL:
            yield from _parts(objects, manifest.id, path, node)
        else:
            small += b"".join(_parts(objects, manifest.id, path, node))
    if small:
        yield small


def _parts(objects: int, oid: ObjectId, path: bytes, node: Node) -> Iterator[bytes]:
    """Yield a file in parts of at most a frame. The last comes after the whole was checked."""
    place = os.fsencode(str(oid)) + (b"/" + path if path else b"")
    hasher, left = digest.file_hasher(), node.size
    try:
        with os.fdopen(open_file_beneath(objects, place), "rb") as stream:
            while left:
                data = stream.read(min(left, FRAME_LIMIT))
                hasher.update(data)
                left -= len(data)
                if not data or (not left and hasher.digest() != node.payload):
                    raise CorruptObject(
                        f"{oid} is damaged: its file {quoted(path)} has other bytes",
                        hint="`store verify --repair` repairs it",
                    )
                yield data
    except OSError as error:
        raise CorruptObject(
            f"{oid} is damaged: its file {quoted(path)} cannot be read: {reason(error)}",
            hint="`store verify --repair` repairs it",
        ) from error
