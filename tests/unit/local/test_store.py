"""The façade: objects on disk before the index says so, and questions about them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import (
    CorruptObject,
    StorageError,
    StoreReadOnly,
    UnknownObject,
)
from store.index.schema import COARSE
from store.index.writing import Writer
from store.layout.paths import default_root
from store.local.store import Store
from store.model.names import ObjectId
from store.system.locks import SharedLocks
from tests.golden.examples import RESOLVED
from tests.unit.local.conftest import KEY, NODE, held, made, result


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
        assert txn.times.last_verified(txn.objects.known(one.id)) >= int(now)
        assert txn.times.last_verified(txn.objects.known(two.id)) == 0
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


def test_names_of_a_closure_follow_the_index(store: Store) -> None:
    one, two = made(store, "one"), made(store, "two")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    assert store.objects.closure_names([one.id]) == (str(one.id),)
    store.realisations.register(NODE, KEY, RESOLVED, result(two))
    names = store.objects.closure_names([two.id, one.id])
    assert names == tuple(str(oid) for oid in store.objects.closure([one.id, two.id]))

    def forget(txn: Writer) -> None:
        txn.objects.unregister(txn.objects.known(one.id))

    store.index.write(forget)
    with pytest.raises(UnknownObject):
        store.objects.closure_names([one.id])
