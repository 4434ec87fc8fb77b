"""Objects as blobs of a server, by digests that are known: nothing is looked up by its name."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from store.cache import zstd
from store.cache.blob_runs import BlobBatch, blob_runs, tree_blobs
from store.cache.blob_trees import blobs_of, mapped
from store.cache.file_answers import HEAD_LIMIT, head_of
from store.cache.head import Head
from store.cache.offering import ContentRun
from store.cache.reapi_cache import head_without_pack
from store.cache.server_errors import as_cache
from store.errors import FormatError, InvalidName
from store.farm.farm_objects import ObjectBlobs
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.reapi.blob import Blob, BlobDigest, blob_of
from store.reapi.server_calls import ServerCalls


@dataclass(frozen=True)
class ObjectUpload:
    """An object with its ``closure``, itself left out; ``blobs`` are all that it consists of."""

    place: ObjectBlobs
    closure: tuple[ObjectId, ...]
    blobs: Sequence[Blob] = field(repr=False)


def object_upload(
    layout: Layout, server: ServerCalls, manifest: Manifest, closure: Collection[ObjectId]
) -> ObjectUpload:
    """Return an object of this store as blobs. InvalidName when the API cannot hold it;
    CorruptObject, StorageError."""
    tree = mapped(layout, server, manifest)
    whole = blob_of(tree.tree())
    others = tuple(sorted(set(closure) - {manifest.id}))
    head = blob_of(zstd.compress(head_without_pack(manifest, others).encode()))
    files = [blob for blob in blobs_of(layout, manifest, tree) if isinstance(blob.source, str)]
    return ObjectUpload(ObjectBlobs(head.digest, whole.digest), others, [*files, whole, head])


def read_heads(
    server: ServerCalls,
    places: Mapping[ObjectId, ObjectBlobs],
    known: Mapping[BlobDigest, bytes] = MappingProxyType({}),
) -> tuple[dict[ObjectId, Head], list[str]]:
    """Return the heads of objects, as far as they are there, and a sentence for each bad one; the
    ``known`` blobs are not asked for."""
    found: dict[ObjectId, Head] = {}
    bad = []
    files = read_blobs(server, [each.head for each in places.values()], HEAD_LIMIT, known)
    for oid, place in places.items():
        if place.head in files:
            try:
                found[oid] = head_of(oid, files[place.head])
            except (FormatError, InvalidName) as error:
                bad.append(f"{server.name} has a damaged head of {oid}: {error.message}")
    return found, bad


def read_blobs(
    server: ServerCalls,
    digests: Collection[BlobDigest],
    most: int,
    known: Mapping[BlobDigest, bytes],
) -> dict[BlobDigest, bytes]:
    """Return blobs as :meth:`ServerCalls.read_small`; the ``known`` ones are not asked for."""
    found = {each: known[each] for each in digests if each in known and each.size <= most}
    asked = [each for each in digests if each not in found]
    return found | (server.read_small(asked, most) if asked else {})


class BlobOffers:
    """Offers these objects and no others; the ``known`` blobs, which have their digests, are not
    asked for. A process that was forked goes on with the connection of its parent, which stays open
    there."""

    def __init__(
        self,
        server: ServerCalls,
        places: Mapping[ObjectId, ObjectBlobs],
        known: Mapping[BlobDigest, bytes] = MappingProxyType({}),
    ) -> None:
        self._server = server
        self._owner = os.getpid()
        self._adopted = False
        self._places = places
        self._batch = BlobBatch(server, known)
        self._damaged: list[str] = []

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._server.name

    def heads(self, oids: Collection[ObjectId]) -> Mapping[ObjectId, Head]:
        """Return the heads of those objects that are there."""
        if self._owner != os.getpid() and not self._adopted:
            self._server.adopt()
            self._adopted = True
        wanted = {oid: self._places[oid] for oid in oids if oid in self._places}
        heads = [each.head for each in wanted.values()]
        # One question for both: the trees are taken later.
        self._batch.add([*heads, *(each.tree for each in wanted.values())])
        with as_cache():
            here = self._batch.take(heads)
            known = {digest: data for digest, data in here.items() if digest.is_of(data)}
            found, bad = read_heads(self._server, wanted, known)
        self._damaged += bad
        return found

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[ContentRun]:
        """Return a few runs that have the contents."""
        manifest = head.manifest
        tree = self._places[manifest.id].tree
        with as_cache():
            blobs = tree_blobs(self._server, manifest, [tree], self._batch)
        return blob_runs(self._server, manifest.id, blobs, digests, self._batch)

    def damaged(self) -> Sequence[str]:
        """Return a sentence for each head since the last call that could not be decoded."""
        found, self._damaged = self._damaged, []
        return found

    def close(self) -> None:
        """Let go of the connection, if this process was forked."""
        if self._adopted:
            self._server.close()
