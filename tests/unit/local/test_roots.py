"""Roots: names and links that keep objects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import (
    UnknownObject,
    UsageError,
)
from store.local import root_snapshot
from store.local.store import Store
from store.model.names import ObjectId
from store.system import parallel
from tests.golden.examples import RESOLVED
from tests.unit.local.conftest import KEY, NODE, made, result


def test_a_root_is_a_link_that_may_be_replaced(store: Store, tmp_path: Path) -> None:
    first, second = made(store, "a"), made(store, "b")
    store.realisations.register(NODE, KEY, RESOLVED, result(first))
    store.realisations.register(NODE, KEY, RESOLVED, result(second))
    link = tmp_path / "result"
    for item in (first, second):
        store.roots.link(str(link), item.id)
        assert os.readlink(link) == store.layout.object(item.id)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="is not a link"):
        store.roots.link(str(tmp_path / "file"), first.id)
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(UnknownObject):
        store.roots.link(str(tmp_path / "new"), ObjectId(b"m" * 20, "missing"))
    assert not os.path.lexists(tmp_path / "new")


def test_named_roots_come_and_go(store: Store, tmp_path: Path) -> None:
    one = made(store, "one")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    store.roots.add("keep", one.id)
    store.roots.link(str(tmp_path / "result"), one.id)
    by_path = {root.path: root for root in store.roots.all()}
    assert {root.holds for root in by_path.values()} == {one.id}
    assert by_path[None].name == "keep"
    for name in ("link:x", "a\nb"):
        with pytest.raises(UsageError, match="cannot name a root"):
            store.roots.add(name, one.id)
    assert store.roots.remove(str(tmp_path / "result"))
    assert store.roots.remove("keep")
    assert not store.roots.remove("keep")
    assert store.roots.all() == []


@pytest.mark.parametrize("hands", [1, 2])
def test_many_roots_are_looked_at_by_several_processes(
    hands: int, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_snapshot, "FEW", 1)
    monkeypatch.setattr(parallel, "worker_count", lambda: hands)
    one, two = made(store, "one"), made(store, "two")
    for item in (one, two):
        store.realisations.register(NODE, KEY, RESOLVED, result(item))
    links = [tmp_path / f"link{number}" for number in range(7)]
    for link in links:
        store.roots.link(str(link), one.id)
    store.roots.add("keep", one.id)
    links[2].unlink()
    links[4].unlink()
    links[4].symlink_to(two.id.path)
    found = {root.path: root.holds for root in store.roots.all()}
    assert found == dict.fromkeys([None, *map(str, links)], one.id) | {
        str(links[2]): None,
        str(links[4]): two.id,
    }
    with store.index.read() as txn:
        standing = store.roots.snapshot(txn)
    assert sorted(standing.held()) == sorted([one.id.digest] * 6 + [two.id.digest])
    assert [root.path for root in standing.dead()] == [str(links[2])]


def test_a_link_holds_what_it_leads_to_by_whatever_name_of_the_store(
    store: Store, tmp_path: Path
) -> None:
    one, two = made(store, "one"), made(store, "two")
    for item in (one, two):
        store.realisations.register(NODE, KEY, RESOLVED, result(item))
    link, alias = tmp_path / "result", tmp_path / "alias"
    alias.symlink_to(store.layout.root)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other").touch()  # an empty one could be a disk out of sight
    store.roots.link(str(link), one.id)
    targets = {
        f"{alias}/store/{two.id}": two.id,
        two.id.path: two.id,
        f"{tmp_path}/elsewhere/{two.id}": None,
        f"{store.layout.objects}/x": None,
        "nowhere": None,
    }
    for target, holds in targets.items():
        link.unlink()
        link.symlink_to(target)
        assert [root.holds for root in store.roots.all()] == [holds]
    link.unlink()
    assert [(root.recorded, root.holds) for root in store.roots.all()] == [(one.id, None)]
    link.write_text("no link")
    assert [root.holds for root in store.roots.all()] == [None]
