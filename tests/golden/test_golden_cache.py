"""The committed cache is read as it always was, and a push writes the same but for compression."""

from __future__ import annotations

import shutil
from pathlib import Path

from store import digest
from store.cache import file_names, zstd
from store.cache.checking import CacheCheck
from store.cache.file_answers import HEAD_LIMIT
from store.cache.folder_place import FolderPlace
from store.cache.head import Head
from store.cache.pull import pull
from store.cache.push_plan import plan_push
from store.cache.pushing import push
from store.cache.static_cache import StaticCache
from store.local.store import Store
from store.model.names import ObjectId
from tests.golden.make_cache import HELLO, KEY, LARGE, LOG, fill

HERE = Path(__file__).parent / "cache"
TOP = ObjectId.parse("w5z1a1093nq4yhx3h62518j3fg8cah91-hello-1.0")
KEYS = [KEY.public.id]


def test_the_committed_cache_is_sound() -> None:
    found: list[object] = []
    CacheCheck(FolderPlace(str(HERE)), found.append, keys=[KEY.public], contents=True).run()
    assert found == []


def test_the_committed_object_can_be_pulled(tmp_path: Path) -> None:
    cache = StaticCache(FolderPlace(str(HERE)))
    store = Store.open(str(tmp_path / "store"))
    pulled = pull(store, [cache], [TOP])
    assert (pulled.refused, pulled.damaged) == ({}, ())
    assert Path(store.layout.object(TOP), "large").read_bytes() == LARGE
    store.close()


def test_the_committed_facts_are_found() -> None:
    cache = StaticCache(FolderPlace(str(HERE)))
    key = HELLO.resolve({}).digest
    assert cache.by_derivation([HELLO.digest], KEYS).keys() == {HELLO.digest}
    assert cache.by_key([key], KEYS).keys() == {key}
    log = (HERE / file_names.log(digest.file_digest(LOG))).read_bytes()
    assert zstd.decompress_record(log, 1000) == LOG


def unpacked(top: Path) -> dict[str, object]:
    """The files of a cache, whatever compressed them."""
    found: dict[str, object] = {}
    for path in sorted(each for each in top.rglob("*") if each.is_file()):
        name, data = str(path.relative_to(top)), path.read_bytes()
        if name.endswith((".head", ".zst")):
            data = zstd.decompress_record(data, HEAD_LIMIT)
        if name.endswith(".head"):
            head = Head.decode(data)
            sizes = [frame.unpacked for frame in head.frames]
            found[name] = (head.manifest, head.closure, sizes)
        elif not name.endswith(".pack"):
            found[name] = data
    return found


def test_a_push_writes_the_committed_files(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    store = Store.open(str(tmp_path / "store"))
    goals = fill(store, tmp_path / "work")
    assert goals[0] == TOP
    place = FolderPlace(str(tmp_path / "cache"))
    push(store, place, plan_push(store, goals, KEY))
    store.close()
    assert unpacked(tmp_path / "cache") == unpacked(HERE)


def test_a_push_into_the_committed_cache_finds_all_there(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    store = Store.open(str(tmp_path / "store"))
    goals = fill(store, tmp_path / "work")
    shutil.copytree(HERE, tmp_path / "cache")
    place = FolderPlace(str(tmp_path / "cache"))
    assert push(store, place, plan_push(store, goals, KEY)).nothing
    store.close()


def test_the_encoding_of_a_head_is_the_committed_one() -> None:
    data = zstd.decompress_record((HERE / file_names.head(TOP)).read_bytes(), HEAD_LIMIT)
    assert Head.decode(data).encode() == data
