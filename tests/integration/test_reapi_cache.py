"""A cache on a server of the Remote Execution API: pushed by one store, pulled by another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store.cache import file_names
from store.cache.connecting import connect
from store.cache.pull import pull
from store.cache.reapi_cache import ReapiCache, action_of
from store.cache.reapi_push import push_files, push_objects
from store.errors import CorruptObject
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.names import ObjectId
from store.system import kernel
from tests import casd
from tests.integration.conftest import Shop
from tests.unit.cache.conftest import Origin, origin, own

__all__ = ["origin", "own"]


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    """The folder of casd."""
    return tmp_path / "casd"


@pytest.fixture
def cache(blobs: Path) -> Iterator[ReapiCache]:
    with casd.running(blobs) as url:
        found = connect(url)
        assert isinstance(found, ReapiCache)
        yield found
        found.close()


def push(origin: Origin, cache: ReapiCache, *oids: ObjectId) -> list[ObjectId]:
    whole = origin.store.objects.closure(oids)
    pushed = push_objects(origin.store, cache, whole)
    assert pushed.refused == {}
    return pushed.objects


def test_a_closure_is_pushed_and_pulled(origin: Origin, own: Store, cache: ReapiCache) -> None:
    before = kernel.threads()  # that of a test worker among them
    low = origin.add("low", {"a/b/c": b"deep", "empty": b"", "same": b"deep"})
    high = origin.add_naming_itself("high", low)
    top = origin.add("top", {"large": b"x" * 5_000_000, "zeros": bytes(3 << 20)}, high)
    assert set(push(origin, cache, top)) == {low, high, top}
    pulled = pull(own, [cache], [top])
    assert pulled.taken == (low, high, top)
    assert (pulled.refused, pulled.damaged, pulled.unusable) == ({}, (), {})
    assert own.objects.manifest(high) == origin.store.objects.manifest(high)
    assert kernel.threads() == before
    assert push(origin, cache, top) == []


def test_a_lone_file_is_pushed_and_pulled(
    origin: Origin, own: Store, cache: ReapiCache, tmp_path: Path
) -> None:
    (tmp_path / "lone").write_bytes(b"a source")
    oid = origin.store.objects.add(str(tmp_path / "lone"), "lone")
    push(origin, cache, oid)
    assert pull(own, [cache], [oid]).taken == (oid,)


def test_only_what_is_missing_is_transferred(origin: Origin, own: Store, cache: ReapiCache) -> None:
    one = origin.add("one", {"large": b"x" * 3_000_000, "small": b"1"})
    two = origin.add("two", {"large": b"x" * 3_000_000, "small": b"2"})
    push(origin, cache, one)
    assert push_objects(origin.store, cache, [two]).packed < 3000
    pull(own, [cache], [one])
    assert pull(own, [cache], [two]).fetched < 3000


def test_statements_and_sources_are_found_by_name(cache: ReapiCache) -> None:
    oid = ObjectId(bytes(range(20)), "source-1.tar")
    files = {
        file_names.by_derivation(b"d" * 32, "k1"): b"one\n",
        file_names.by_key(b"k" * 32, "k2"): b"two\n",
        file_names.source("ab" * 32): f"{oid}\n".encode(),
        file_names.source("cd" * 32): b"no object",
    }
    push_files(cache, files)
    (found,) = cache.by_derivation([b"d" * 32, b"e" * 32], ["k1", "k2"])[b"d" * 32]
    assert found.data == b"one\n"
    assert cache.by_key([b"k" * 32], ["k1"]) == {}
    assert cache.by_key([b"k" * 32], ["k2"])[b"k" * 32][0].data == b"two\n"
    assert cache.sources(["ab" * 32, "cd" * 32, "ef" * 32]) == {"ab" * 32: oid}
    assert len(cache.damaged()) == 1
    assert cache.heads([oid]) == {}


def test_a_name_that_is_not_utf8_is_refused(
    origin: Origin, cache: ReapiCache, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "\udcff").write_bytes(b"")
    odd = origin.store.objects.add(str(folder), "odd")
    good = origin.add("good", {"a": b"a"})
    pushed = push_objects(origin.store, cache, [odd, good])
    assert list(pushed.refused) == [odd]
    assert pushed.objects == [good]


def test_a_damaged_file_is_not_pushed(origin: Origin, cache: ReapiCache) -> None:
    oid = origin.add("object", {"a": b"the right bytes"})
    path = Path(origin.store.layout.object(oid), "a")
    path.chmod(0o644)
    path.write_bytes(b"the wrong bytes")
    with pytest.raises(CorruptObject):
        push_objects(origin.store, cache, [oid])
    assert cache.heads([oid]) == {}


def test_lost_and_damaged_blobs_are_not_taken(
    origin: Origin, own: Store, cache: ReapiCache, blobs: Path
) -> None:
    small = origin.add("small", {"a": b"small and right"})
    large = origin.add("large", {"a": b"y" * 3_000_000})
    lost = origin.add("lost", {"a": b"soon not there"})
    push(origin, cache, small, large, lost)
    files = [path for path in (blobs / "cache" / "cas" / "objects").rglob("*") if path.is_file()]
    for path in files:
        data = path.read_bytes()
        if data in (b"small and right", b"y" * 3_000_000):
            path.chmod(0o644)
            path.write_bytes(data[:-1] + b"!")
        elif data == b"soon not there":
            path.unlink()
    pulled = pull(own, [cache], [small, large, lost])
    assert pulled.taken == ()
    assert set(pulled.refused) == {small, large, lost}


def test_a_push_mends_a_head_that_the_servers_disk_damaged(
    shop: Shop, own: Store, cache: ReapiCache, blobs: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("content")
    path = shop.path("add", str(tmp_path / "file"))
    words = ("push", "--to", cache.name, path)
    done = shop.run(*words)
    assert done.returncode == 0, done.stderr
    oid = ObjectId.from_path(path)
    ((_, stored),) = cache.stored([file_names.head(oid)], 1 << 20)
    assert stored.data is not None
    for place in (blobs / "cache" / "cas" / "objects").rglob("*"):
        if place.is_file() and place.read_bytes() == stored.data:
            place.chmod(0o644)
            place.write_bytes(stored.data[:-1] + b"!")
    assert oid not in cache.heads([oid])
    done = shop.run(*words)
    assert done.returncode == 0, done.stderr
    assert f"put again: {path}: its head was missing or damaged" in done.stderr
    assert oid in pull(own, [cache], [oid]).taken
    assert "put again" not in shop.run(*words).stderr


def test_another_objects_head_is_refused(origin: Origin, own: Store, cache: ReapiCache) -> None:
    one, two = origin.add("one", {"a": b"1"}), origin.add("two", {"a": b"2"})
    push(origin, cache, one, two)
    names = [file_names.head(oid) for oid in (one, two)]
    first, second = (action_of(name)[0].digest for name in names)
    result = cache.server.results([first])[first]
    cache.server.set_result(second, result)
    pulled = pull(own, [cache], [two])
    assert pulled.taken == ()
    assert len(pulled.damaged) == 1


def test_a_server_that_is_not_there_is_noted_once(own: Store) -> None:
    oid = ObjectId(bytes(20), "name")
    began = time.monotonic()
    cache = connect("grpc+unix:/nonexistent/socket")
    with pytest.raises(CacheUnusable, match="there is no such socket"):
        cache.heads([oid])
    pulled = pull(own, [cache], [oid])
    assert list(pulled.unusable) == [cache.name]
    assert time.monotonic() - began < 5


def test_a_quota_that_is_too_small_is_found_out(origin: Origin, tmp_path: Path) -> None:
    oid = origin.add("large", {f"f{n}": bytes([n]) * 4_000_000 for n in range(12)})
    quota = ["--quota-high=8M", "--quota-low=4M", "--reserved=0"]
    with casd.running(tmp_path / "casd", *quota) as url:
        cache = connect(url)
        assert isinstance(cache, ReapiCache)
        with pytest.raises(CacheUnusable):
            push_objects(origin.store, cache, [oid])
        cache.close()
    shutil.rmtree(tmp_path / "casd")


def test_the_command_pushes_to_a_server(
    shop: Shop, own: Store, cache: ReapiCache, tmp_path: Path
) -> None:
    path = shop.path("realise", "downstream")
    signed = replace(shop, env={"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)})
    assert signed.run("key", "new", "test").returncode == 0
    words = ("push", "downstream", "--to", cache.name, "--with-builds")
    done = signed.run(*words)
    assert done.returncode == 0, done.stderr
    assert "statement" in done.stderr
    assert "nothing new" in signed.run(*words).stderr
    oid = ObjectId.from_path(path)
    pulled = pull(own, [cache], [oid])
    assert oid in pulled.taken
    assert pulled.damaged == ()
