"""Objects that a server has: their heads and trees are checked to be theirs."""

from __future__ import annotations

from typing import cast
from unittest.mock import Mock

import pytest

from store.cache import zstd
from store.cache.reapi_cache import head_without_pack
from store.errors import FormatError, UnknownObject
from store.farm.farm_objects import ObjectBlobs
from store.farm.object_blobs import BlobOffers
from store.model.manifest import Manifest
from store.reapi.blob import blob_of
from store.reapi.server import Server
from tests.unit.cache.caches import manifest_of
from tests.unit.farm.memory_server import MemoryServer

TOY = manifest_of("toy", [b"bytes"])
OTHER = manifest_of("toy", [b"other bytes"])


def offers(head: bytes, tree: bytes = b"") -> BlobOffers:
    """An object as these blobs."""
    server = MemoryServer()
    places = {TOY.id: ObjectBlobs(server.put(blob_of(head)), server.put(blob_of(tree)))}
    return BlobOffers(cast(Server, server), places)


def head_of(manifest: Manifest) -> bytes:
    return zstd.compress(head_without_pack(manifest, ()).encode())


def test_a_head_is_that_of_its_object() -> None:
    found = offers(head_of(TOY)).heads([TOY.id, OTHER.id])
    assert found.keys() == {TOY.id}


@pytest.mark.parametrize("head", [head_of(OTHER), b"", b"no head"])
def test_the_head_of_another_object_is_refused(head: bytes) -> None:
    made = offers(head)
    assert made.heads([TOY.id]) == {}
    (bad,) = made.damaged()
    assert str(TOY.id) in bad
    assert list(made.damaged()) == []


def test_a_tree_that_is_none_is_refused() -> None:
    made = offers(head_of(TOY), b"no tree")
    head = made.heads([TOY.id])[TOY.id]
    with pytest.raises(FormatError):
        made.contents(head, [])


def test_heads_and_trees_come_by_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    tree = server.put(blob_of(b"no tree"))
    places = {TOY.id: ObjectBlobs(server.put(blob_of(head_of(TOY))), tree)}
    made = BlobOffers(cast(Server, server), places)
    reading = Mock(wraps=server._read)
    monkeypatch.setattr(server, "_read", reading)
    head = made.heads([TOY.id])[TOY.id]
    with pytest.raises(FormatError):
        made.contents(head, [])
    reading.assert_called_once()


def test_blobs_that_are_known_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    head, tree = blob_of(head_of(TOY)), blob_of(b"no tree")
    places = {TOY.id: ObjectBlobs(head.digest, tree.digest)}
    known = {head.digest: head_of(TOY), tree.digest: b"no tree"}
    monkeypatch.setattr(server, "_read", Mock(side_effect=AssertionError))
    made = BlobOffers(cast(Server, server), places, known)
    with pytest.raises(FormatError):
        made.contents(made.heads([TOY.id])[TOY.id], [])


def test_a_tree_that_is_lost_is_an_unknown_object() -> None:
    server = MemoryServer()
    head = server.put(blob_of(head_of(TOY)))
    places = {TOY.id: ObjectBlobs(head, blob_of(b"a lost tree").digest)}
    made = BlobOffers(cast(Server, server), places)
    with pytest.raises(UnknownObject):
        made.contents(made.heads([TOY.id])[TOY.id], [])
