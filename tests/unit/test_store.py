"""The façade: what is on disk before the index says so, and how it is asked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import NotOwner, StoreReadOnly, UnknownObject, UsageError
from store.index.env import Index
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.objects.ingest import ingest
from store.store import Store
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE

NODE, KEY = DERIVATION.digest, RESOLVED.digest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "root"))


def made(store: Store, content: str, output: str = "out") -> Made:
    path = f"{store.layout.tmp}/made"
    Path(path).write_text(content)
    manifest = ingest(store.layout.root, path, "hello")
    os.unlink(path)
    return Made(output, manifest.id, (), False, manifest.size)


def result(*outputs: Made, started: int = 1, seconds: float = 1.5) -> Result:
    return Result(outputs, "full", started, seconds)


def test_what_is_registered_is_found_by_its_key(store: Store) -> None:
    outputs = made(store, "a"), made(store, "b", "doc")
    store.register(NODE, KEY, RESOLVED, result(*outputs))
    assert store.realised(KEY, ("out", "doc")) == {"out": outputs[0].id, "doc": outputs[1].id}
    assert store.realised(KEY, ("out", "lib")) is None
    assert store.realised(b"k" * 32, ("out",)) is None
    assert store.present(outputs[0].id)
    assert store.outcome(NODE) == KEY
    assert store.maker(outputs[0].id).key == KEY
    assert store.expected_seconds(RESOLVED.name) == 1.5
    assert store.expected_seconds("other") is None
    assert store.closure([outputs[0].id]) == (outputs[0].id,)


def test_of_several_objects_the_oldest_is_used(store: Store) -> None:
    old, new = made(store, "old"), made(store, "new")
    store.register(NODE, KEY, RESOLVED, result(new, started=20))
    store.register(NODE, KEY, RESOLVED, result(old, started=10))
    assert store.realised(KEY, ("out",)) == {"out": old.id}
    assert [item.object for item in store.realisations(KEY, "out")] == [old.id, new.id]


def test_an_object_that_is_gone_or_damaged_is_not_present(store: Store) -> None:
    one = made(store, "one")
    store.register(NODE, KEY, RESOLVED, result(one))
    os.chmod(store.layout.object(one.id), 0o644)
    assert not store.present(one.id)
    os.unlink(store.layout.object(one.id))
    assert not store.present(one.id)
    assert not store.present(replace(one.id, digest=b"x" * 20))


def test_a_users_tree_is_added(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    oid = store.add(str(tmp_path / "f"), "f")
    assert store.present(oid)
    assert store.objects() == [(oid, 4)]
    assert store.find(oid.text[:5]) == store.find("") == [oid]
    assert store.find("z" * 32) == []
    assert store.total_size([oid]) == 4
    assert store.manifest(oid).id == oid
    assert store.check_object(oid) == []
    assert store.makers(oid) == []
    with pytest.raises(UnknownObject, match="was not built"):
        store.maker(oid)
    assert store.add(str(tmp_path / "f"), "f") == oid


def test_what_is_not_there_is_unknown(store: Store) -> None:
    missing = ObjectId(b"m" * 20, "missing")
    for ask in (store.manifest, store.references, store.referrers, store.check_object):
        with pytest.raises(UnknownObject):
            ask(missing)
    with pytest.raises(UnknownObject):
        store.node(b"n" * 32)


def test_a_root_is_a_link_that_may_be_replaced(store: Store, tmp_path: Path) -> None:
    first, second = made(store, "a"), made(store, "b")
    store.register(NODE, KEY, RESOLVED, result(first))
    store.register(NODE, KEY, RESOLVED, result(second))
    link = tmp_path / "result"
    for item in (first, second):
        store.link_root(str(link), item.id)
        assert os.readlink(link) == store.layout.object(item.id)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="is not a link"):
        store.link_root(str(tmp_path / "file"), first.id)
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(UnknownObject):
        store.link_root(str(tmp_path / "new"), ObjectId(b"m" * 20, "missing"))
    assert not os.path.lexists(tmp_path / "new")


def test_a_source_is_verified_by_the_locator_that_yielded_it(store: Store) -> None:
    yielded = replace(result(made(store, "s")), locator="a:b")
    store.register(SOURCE.digest, SOURCE.digest, SOURCE, yielded)
    assert store.source_verified(SOURCE.sha256, ("x:y", "a:b"))
    assert not store.source_verified(SOURCE.sha256, ("x:y",))
    assert not store.source_verified("0" * 64, ("a:b",))


def test_nodes_are_kept(store: Store) -> None:
    store.record_nodes(SOURCE, None, DERIVATION)
    assert store.node(SOURCE.digest) == SOURCE
    assert store.node(NODE) == DERIVATION


def test_outcomes_are_known_at_once_and_kept_when_flushed(store: Store) -> None:
    store.note_outcome(NODE, KEY)
    assert store.outcome(NODE) == KEY
    store.flush_outcomes()
    assert store.outcome(NODE) == KEY


@pytest.mark.parametrize("error", [StoreReadOnly, NotOwner])
def test_a_store_that_cannot_be_written_to_does_without_outcomes(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(self: Index) -> None:
        raise error("no")

    monkeypatch.setattr(Index, "check_writable", refuse)
    store.note_outcome(NODE, KEY)
    store.flush_outcomes()
    assert store.outcome(NODE) is None
    with pytest.raises(error):
        store.add(__file__, "x")
    assert os.listdir(store.layout.tmp) == []


def test_a_lease_holds_until_its_end(store: Store) -> None:
    one = made(store, "one")
    with store.lease() as lease:
        store.register(NODE, KEY, RESOLVED, result(one), lease)
        with Index.read(store._index) as txn:
            assert [held for _, _, held in txn.leases().values()] == [(one.id,)]
    with Index.read(store._index) as txn:
        assert txn.leases() == {}
