"""The façade: objects on disk before the index says so, and questions about them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import (
    CorruptObject,
    NotOwner,
    StorageError,
    StoreReadOnly,
    UnknownObject,
    UsageError,
)
from store.index.env import Index
from store.index.schema import COARSE
from store.index.writing import Writer
from store.layout.paths import default_root
from store.local import root_snapshot
from store.local.store import Store
from store.model.names import ObjectId, object_name
from store.model.result import Made, Result
from store.objects.ingest import ingest
from store.system import parallel
from store.system.locks import SharedLocks
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE

NODE, KEY = DERIVATION.digest, RESOLVED.digest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "root"))


def made(store: Store, content: str, output: str = "out", name: str = RESOLVED.name) -> Made:
    path = f"{store.layout.tmp}/made"
    Path(path).write_text(content)
    manifest = ingest(store.layout.root, path, object_name(name, output))
    os.unlink(path)
    return Made(output, manifest.id, (), False, manifest.size)


def result(*outputs: Made, started: int = 1, seconds: float = 1.5) -> Result:
    return Result(outputs, "full", started, seconds)


def test_the_default_root_is_absolute_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("STORE_ROOT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_root() == "/home/ann/.local/share/fixpoint"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "home")
    assert os.path.isabs(default_root())


def test_no_store_is_made_where_none_can_be(store: Store, tmp_path: Path) -> None:
    for root in (store.layout.objects, os.fsdecode(os.fsencode(tmp_path) + b"/\xff")):
        with pytest.raises(StorageError):
            Store.open(root)
    assert os.listdir(store.layout.objects) == []
    assert os.listdir(tmp_path) == ["root"]


def test_what_is_registered_is_found_by_its_key(store: Store) -> None:
    outputs = made(store, "a"), made(store, "b", "doc")
    store.realisations.register(NODE, KEY, RESOLVED, result(*outputs))
    assert store.realisations.realised(KEY, ("out", "doc")) == {
        "out": outputs[0].id,
        "doc": outputs[1].id,
    }
    assert store.realisations.realised(KEY, ("out", "lib")) is None
    assert store.realisations.realised(b"k" * 32, ("out",)) is None
    assert store.objects.present(outputs[0].id)
    assert store.realisations.outcome(NODE) == KEY
    assert store.realisations.maker(outputs[0].id).key == KEY
    assert store.realisations.expected_seconds(RESOLVED.name) == 1.5
    assert store.realisations.expected_seconds("other") is None
    assert store.objects.closure([outputs[0].id]) == (outputs[0].id,)


def test_of_several_objects_the_oldest_is_used(store: Store) -> None:
    old, new = made(store, "old"), made(store, "new")
    store.realisations.register(NODE, KEY, RESOLVED, result(new, started=20))
    store.realisations.register(NODE, KEY, RESOLVED, result(old, started=10))
    assert store.realisations.realised(KEY, ("out",)) == {"out": old.id}
    assert [item.object for item in store.realisations.of(KEY, "out")] == [old.id, new.id]


def test_an_object_that_is_gone_or_damaged_is_not_present(store: Store) -> None:
    one = made(store, "one")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    os.chmod(store.layout.object(one.id), 0o644)
    assert not store.objects.present(one.id)
    os.unlink(store.layout.object(one.id))
    assert not store.objects.present(one.id)
    assert not store.objects.present(ObjectId(b"x" * 20, one.id.name))


def test_a_users_tree_is_added(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    oid = store.objects.add(str(tmp_path / "f"), "f")
    assert store.objects.present(oid)
    assert store.objects.all() == [(oid, 4)]
    assert store.objects.find(oid.text[:5]) == store.objects.find("") == [oid]
    assert store.objects.find("z" * 32) == []
    assert store.objects.total_size([oid]) == 4
    assert store.objects.manifest(oid).id == oid
    assert store.objects.check(oid) == []
    assert store.realisations.makers(oid) == []
    with pytest.raises(UnknownObject, match="was not built"):
        store.realisations.maker(oid)
    assert store.objects.add(str(tmp_path / "f"), "f") == oid


def test_what_is_not_there_is_unknown(store: Store) -> None:
    missing = ObjectId(b"m" * 20, "missing")
    for ask in (
        store.objects.manifest,
        store.objects.references,
        store.objects.referrers,
        store.objects.check,
    ):
        with pytest.raises(UnknownObject):
            ask(missing)
    with pytest.raises(UnknownObject):
        store.realisations.node(b"n" * 32)


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


def test_a_source_is_verified_by_the_locator_that_yielded_it(store: Store) -> None:
    yielded = replace(result(made(store, "s", name=SOURCE.name)), locator="a:b")
    store.realisations.register(SOURCE.digest, SOURCE.digest, SOURCE, yielded)
    assert store.realisations.source_verified(SOURCE.sha256, ("x:y", "a:b"))
    assert not store.realisations.source_verified(SOURCE.sha256, ("x:y",))
    assert not store.realisations.source_verified("0" * 64, ("a:b",))


def test_nodes_are_kept(store: Store) -> None:
    store.realisations.record_nodes(SOURCE, None, DERIVATION)
    assert store.realisations.node(SOURCE.digest) == SOURCE
    assert store.realisations.node(NODE) == DERIVATION


def test_outcomes_are_known_at_once_and_kept_when_flushed(store: Store) -> None:
    store.realisations.note_outcome(NODE, KEY)
    assert store.realisations.outcome(NODE) == KEY
    store.realisations.flush_outcomes()
    assert store.realisations.outcome(NODE) == KEY


@pytest.mark.parametrize("error", [StoreReadOnly, NotOwner])
def test_a_store_that_cannot_be_written_to_does_without_outcomes(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(self: Index) -> None:
        raise error("no")

    monkeypatch.setattr(Index, "check_writable", refuse)
    store.realisations.note_outcome(NODE, KEY)
    store.realisations.flush_outcomes()
    assert store.realisations.outcome(NODE) is None
    with pytest.raises(error):
        store.objects.add(__file__, "x")
    assert os.listdir(store.layout.tmp) == []


def held(store: Store) -> list[tuple[ObjectId, ...]]:
    with store.index.read() as txn:
        return [lease.held for lease in txn.leases.all().values()]


def test_a_lease_grows_and_holds_until_its_end(store: Store) -> None:
    one, two = made(store, "one"), made(store, "two")
    with store.leases.begin() as lease:
        assert held(store) == []
        store.realisations.register(NODE, KEY, RESOLVED, result(one), lease)
        assert held(store) == [(one.id,)]
        store.realisations.register(NODE, KEY, RESOLVED, result(two))
        assert lease.add([one.id, two.id])
        assert not lease.add([two.id])
        assert held(store) == [tuple(sorted((one.id, two.id)))]
    assert held(store) == []


def test_a_lease_until_exit_outlives_what_leased(store: Store) -> None:
    one = made(store, "one")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    store.leases.until_exit([one.id])
    assert held(store) == [(one.id,)]


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


def test_objects_are_registered_together_in_any_order(store: Store) -> None:
    manifests = [store.objects.manifest(made(store, text).id) for text in "abc"]
    with store.leases.begin() as lease:
        assert store.objects.register(manifests, lease) == 3
        assert held(store) == [tuple(sorted(manifest.id for manifest in manifests))]
    assert store.objects.register(manifests) == 0
    assert [oid for oid, _ in store.objects.all()] == sorted(manifest.id for manifest in manifests)


def test_what_is_ingested_is_claimed_until_it_is_registered(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    observer, seen = SharedLocks(store.layout.claims), []
    registered = store.index.write

    def look(work: Callable[[Writer], object]) -> object:
        seen.append([observer.taken(oid.digest) for oid in on_disk(store)])
        return registered(work)

    monkeypatch.setattr(store.index, "write", look)
    (tmp_path / "f").write_text("mine")
    oid = store.objects.add(str(tmp_path / "f"), "f")
    assert seen == [[True]]
    assert not observer.taken(oid.digest)
    observer.release()


def on_disk(store: Store) -> list[ObjectId]:
    return [ObjectId.parse(name) for name in os.listdir(store.layout.objects)]


def test_uses_and_verifications_are_noted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = made(store, "one"), made(store, "two")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    store.realisations.register(NODE, KEY, RESOLVED, result(two))
    now = time.time()
    store.index.write(lambda txn: txn.times.note_verified([one.id]))
    with store.index.read() as txn:
        assert txn.times.least_recently_verified() == [two.id, one.id]
    store.leases.note_used([one.id])
    monkeypatch.setattr(time, "time", lambda: now + 2 * COARSE)
    store.leases.note_used([one.id, ObjectId(b"m" * 20, "missing")])
    with store.index.read() as txn:
        assert txn.times.last_used(txn.objects.known(one.id)) == int(now + 2 * COARSE)
        assert txn.times.last_used(txn.objects.known(two.id)) <= now + 1


def test_a_store_whose_index_is_gone_is_not_taken_for_an_empty_one(store: Store) -> None:
    store.realisations.register(NODE, KEY, RESOLVED, result(made(store, "one")))
    store.close()
    os.unlink(f"{store.layout.index}/data.mdb")
    with pytest.raises(CorruptObject, match="is missing") as caught:
        Store.open(store.layout.root)
    assert "index rebuild" in str(caught.value.hint)


def test_a_store_that_is_not_for_this_user_to_see_is_not_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def refused(path: str, **rest: bool) -> os.stat_result:
        if path == store.layout.index:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return stat(path, **rest)

    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(StoreReadOnly, match="cannot look into the store"):
        Store.open(store.layout.root)


@pytest.mark.parametrize("name", ["tmp", "trash", "logs", "locks", "partial", "store"])
def test_an_empty_folder_that_a_copy_lacks_is_made_again(
    store: Store, tmp_path: Path, name: str
) -> None:
    (tmp_path / "f").write_text("text")
    store.close()
    os.rmdir(f"{store.layout.root}/{name}")
    again = Store.open(store.layout.root)
    assert os.path.isdir(f"{store.layout.root}/{name}")
    assert again.objects.present(again.objects.add(str(tmp_path / "f"), "f"))
