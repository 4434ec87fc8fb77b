"""The contents of objects as blobs of a server: small objects' together, a large one's in runs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from store.cache.blob_trees import wrapper
from store.cache.offering import ContentRun, Piece
from store.cache.server_errors import as_cache
from store.errors import CorruptObject, UnknownObject
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.reapi.blob import BlobDigest, BlobPiece
from store.reapi.server_calls import ServerCalls
from store.reapi.tree_messages import TREE_LIMIT, match_tree

RUNS: Final = 4
"""Runs into which the contents of an object are divided, at most."""

RUN_LEAST: Final = 4 << 20
"""Bytes of contents that are worth a run of their own."""

FEW: Final = 64
"""Contents of an object that are asked for together with others', at most."""

LITTLE: Final = 64 << 10
"""Bytes of such contents, or of a Tree message, at most."""

BATCH: Final = 4 << 20
"""Bytes that are asked for together: as many as go in parallel in messages of their own."""


class BlobBatch:
    """Small blobs of several objects. The first that needs one asks for those of others with it: a
    question for each would take longer than the bytes. The ``known`` ones are not asked for."""

    def __init__(
        self, server: ServerCalls, known: Mapping[BlobDigest, bytes] = MappingProxyType({})
    ) -> None:
        self._server = server
        self._known = known
        self._lock = threading.Lock()
        self._waiting: dict[BlobDigest, None] = {}
        self._here: dict[BlobDigest, bytes] = {}

    def add(self, blobs: Iterable[BlobDigest]) -> None:
        """Note blobs that are going to be taken; one that is not small is left out."""
        with self._lock:
            small = (each for each in blobs if each.size <= LITTLE and each not in self._known)
            self._waiting.update(dict.fromkeys(small))

    def take(self, blobs: Collection[BlobDigest]) -> dict[BlobDigest, bytes]:
        """Return those of the blobs that are known, and those that were added, each of these once,
        as the server sent them: one that it lacks is left out, and one may end early."""
        known = {each: self._known[each] for each in blobs if each in self._known}
        with self._lock:
            mine = [each for each in blobs if each in self._waiting]
            if mine:
                self._ask(mine)
            return known | {each: self._here.pop(each) for each in blobs if each in self._here}

    def _ask(self, mine: Sequence[BlobDigest]) -> None:
        """Ask for these blobs, and for others that wait, as far as there is room."""
        asked, room = dict.fromkeys(mine), BATCH - sum(each.size for each in mine)
        for each in self._waiting:
            if each not in asked and each.size <= room:
                asked[each] = None
                room -= each.size
        for each in asked:
            del self._waiting[each]
        for piece in self._server.read(list(asked)):
            self._here[piece.digest] = self._here.get(piece.digest, b"") + piece.data


def tree_blobs(
    server: ServerCalls, manifest: Manifest, trees: Sequence[BlobDigest], batch: BlobBatch
) -> dict[bytes, BlobDigest]:
    """Return the blobs of an object's contents, out of the first of the Tree messages that the
    server has; those that were added to the ``batch`` come with it. UnknownObject when it has none;
    FormatError, CorruptObject."""
    found = {each: data for each, data in batch.take(trees).items() if each.is_of(data)}
    for data in (found or server.read_small(trees, TREE_LIMIT)).values():
        return match_tree(manifest, data, wrapper(manifest))
    raise UnknownObject(f"{server.name} does not have the tree of {manifest.id} any more")


def blob_runs(
    server: ServerCalls,
    oid: ObjectId,
    blobs: Mapping[bytes, BlobDigest],
    digests: Collection[bytes],
    batch: BlobBatch,
) -> Sequence[ContentRun]:
    """Return a few runs that have those contents of an object that are among its ``blobs``; if it
    is small, they come with the ``batch``."""
    wanted = {blobs[each]: each for each in digests if each in blobs}
    if not wanted:
        return []
    if len(wanted) <= FEW and sum(blob.size for blob in wanted) <= LITTLE:
        batch.add(wanted)
        return [_BlobRun(server, oid, wanted, batch)]
    return [_BlobRun(server, oid, part) for part in _divided(wanted)]


class _BlobRun:
    """Some contents; ``blobs`` has their digests by those of the server. With a ``batch``, they
    were added to it."""

    def __init__(
        self,
        server: ServerCalls,
        oid: ObjectId,
        blobs: Mapping[BlobDigest, bytes],
        batch: BlobBatch | None = None,
    ) -> None:
        self._server = server
        self._oid = oid
        self._blobs = blobs
        self._batch = batch

    @property
    def size(self) -> int:
        """Bytes of the contents."""
        return sum(blob.size for blob in self._blobs)

    def parts(self) -> Iterator[Iterable[Piece]]:
        """Yield the pieces of each. UnknownObject, CorruptObject after those that came."""
        left = {blob: blob.size for blob in self._blobs}
        with as_cache():
            for piece in self._pieces():
                left[piece.digest] -= len(piece.data)
                yield [Piece(self._blobs[piece.digest], piece.offset, piece.data)]
        self._check_whole(left)

    def _pieces(self) -> Iterator[BlobPiece]:
        if self._batch is None:
            yield from self._server.read(list(self._blobs))
            return
        for digest, data in self._batch.take(self._blobs).items():
            yield BlobPiece(digest, 0, data)

    def _check_whole(self, left: Mapping[BlobDigest, int]) -> None:
        """Raise UnknownObject, CorruptObject if bytes are left of any blob."""
        short = [blob for blob, size in left.items() if size]
        where = f"{self._server.name} has {self._oid}"
        if any(left[blob] < blob.size for blob in short):
            raise CorruptObject(f"{where}, but a file of it ends early")
        if short:
            raise UnknownObject(f"{where}, but not {len(short)} of its files")


def _divided(wanted: Mapping[BlobDigest, bytes]) -> list[dict[BlobDigest, bytes]]:
    """Divide blobs into runs of about the same size."""
    count = min(RUNS, 1 + sum(blob.size for blob in wanted) // RUN_LEAST)
    parts: list[dict[BlobDigest, bytes]] = [{} for _ in range(count)]
    sizes = [0] * count
    for blob in sorted(wanted, key=lambda blob: -blob.size):
        least = sizes.index(min(sizes))
        parts[least][blob] = wanted[blob]
        sizes[least] += blob.size + 1000  # a question costs something, too
    return [part for part in parts if part]
