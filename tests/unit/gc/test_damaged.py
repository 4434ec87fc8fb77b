"""A collection deletes nothing by an index that contradicts itself about kept objects."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import CorruptObject
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.index.schema import Root
from store.index.writing import Writer
from store.model.names import ObjectId
from tests.unit.gc.conftest import Stock

NAME = b"kept by name"


def flip_root(txn: Writer, oid: ObjectId) -> None:
    other = ObjectId(bytes([oid.digest[0] ^ 1, *oid.digest[1:]]), oid.name)
    txn._tables.put(b"roots", NAME, Root(other).pack())


def flip_path(txn: Writer, oid: ObjectId) -> None:
    for name, data in txn.roots.values():
        root = Root.unpack(data)
        if root.path:
            txn._tables.put(b"roots", name, root._replace(path=root.path[:-1] + b"X").pack())


def lose_digest(txn: Writer, oid: ObjectId) -> None:
    txn._tables.delete(b"ids", oid.digest)


def lose_references(txn: Writer, oid: ObjectId) -> None:
    number = txn.objects.known(oid)
    txn._tables.delete(b"references", number.to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("hurt", "linked"),
    [
        (flip_root, False),
        (flip_path, True),
        (lose_digest, False),
        (lose_digest, True),
        (lose_references, False),
    ],
)
def test_a_root_that_keeps_what_is_not_there_stops_a_collection(
    stock: Stock, tmp_path: Path, hurt: Callable[[Writer, ObjectId], None], linked: bool
) -> None:
    oid, _ = stock.make("kept"), stock.make("dead")
    if linked:
        stock.store.roots.link(str(tmp_path / "link"), oid)
    else:
        stock.store.roots.add(NAME.decode(), oid)
    stock.store.index.write(lambda txn: hurt(txn, oid))
    for policy in (Policy(), Policy(older_than=0.0), Policy(keep_derivations=True)):
        with pytest.raises(CorruptObject) as caught:
            Collector(stock.store).collect(policy)
        assert "index rebuild" in str(caught.value.hint)
    assert os.path.exists(stock.store.layout.object(oid))
    assert len(os.listdir(stock.store.layout.objects)) == 2


def test_a_link_made_by_hand_to_what_is_gone_stops_none(stock: Stock, tmp_path: Path) -> None:
    oid = stock.make("dead")
    link = tmp_path / "link"
    stock.store.roots.link(str(link), oid)
    link.unlink()
    values = list(stock.store.index.write(lambda txn: txn.roots.values()))
    Collector(stock.store).collect(Policy())
    # As when the collection was killed before it dropped the root.
    stock.store.index.write(lambda txn: txn._tables.put(b"roots", *values[0]))
    link.symlink_to(stock.store.layout.object(oid))
    Collector(stock.store).collect(Policy())
    assert stock.there() == set()
