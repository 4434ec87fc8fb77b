"""The static layout: answers from a folder; absent and damaged ones are left out."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from store import digest
from store.cache import file_answers, file_names, static_cache, zstd
from store.cache.file_answers import HEAD_LIMIT
from store.cache.folder_place import FolderPlace
from store.cache.head import Head
from store.cache.static_cache import StaticCache
from store.errors import CorruptObject, UnknownObject
from store.job_errors import CacheUnusable
from store.model.names import ObjectId
from tests.unit.cache.caches import contents, head_and_pack, manifest_of, put, write_cache

DATA = contents(1000, 3000, 2000, 4000, 500)
CUTS = (2500, 2500, 2500, 3000)
KEY_IDS = ["1" * 64, "2" * 64]


def taken(cache: StaticCache, head: Head, digests: Collection[bytes]) -> dict[bytes, bytes]:
    """The contents as they come, put together."""
    found: dict[bytes, bytearray] = {}
    for run in cache.contents(head, digests):
        for piece in itertools.chain.from_iterable(run.parts()):
            data = found.setdefault(piece.digest, bytearray())
            assert len(data) == piece.offset
            data += piece.data
    return {each: bytes(data) for each, data in found.items()}


@pytest.fixture
def cache(tmp_path: Path) -> StaticCache:
    write_cache(tmp_path, head_and_pack(manifest_of("one", DATA), DATA, CUTS))
    return StaticCache(FolderPlace(str(tmp_path)))


@pytest.fixture
def head(cache: StaticCache) -> Head:
    oid = manifest_of("one", DATA).id
    return cache.heads([oid])[oid]


@pytest.mark.parametrize("wanted", [[0], [1], [3], [0, 4], [1, 2], range(5), []])
def test_exactly_the_wanted_contents_come(
    cache: StaticCache, head: Head, wanted: Collection[int]
) -> None:
    expected = {digest.file_digest(DATA[number]): DATA[number] for number in wanted}
    assert taken(cache, head, expected.keys()) == expected


def test_contents_far_apart_are_separate_runs(
    cache: StaticCache, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [digest.file_digest(DATA[number]) for number in (0, 4)]
    assert len(cache.contents(head, digests)) == 1
    monkeypatch.setattr(static_cache, "GAP", 100)
    runs = cache.contents(head, digests)
    assert [run.size for run in runs] == [head.frames[0].packed, head.frames[3].packed]
    assert taken(cache, head, digests).keys() == set(digests)


def test_a_long_run_is_divided_between_contents_only(
    cache: StaticCache, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_cache, "RUN_LIMIT", 1)
    digests = {digest.file_digest(data): data for data in DATA}
    # Contents and frames end at one place nowhere.
    assert len(cache.contents(head, digests.keys())) == 1
    assert taken(cache, head, digests.keys()) == digests


def test_what_is_absent_is_left_out(cache: StaticCache) -> None:
    other = ObjectId(b"x" * 20, "other")
    assert cache.heads([other]) == {}
    assert cache.sources(["a" * 64]) == {}
    assert cache.by_key([b"k" * 32], KEY_IDS) == {}
    assert cache.damaged() == []


def test_statements_and_sources_are_found(cache: StaticCache, tmp_path: Path, head: Head) -> None:
    key, oid = b"k" * 32, head.manifest.id
    put(tmp_path, file_names.by_key(key, KEY_IDS[0]), b"one\n")
    put(tmp_path, file_names.by_derivation(key, KEY_IDS[1]), b"two\n")
    put(tmp_path, file_names.source("a" * 64), f"{oid}\n".encode())
    assert [item.data for item in cache.by_key([key, b"l" * 32], KEY_IDS)[key]] == [b"one\n"]
    assert [item.data for item in cache.by_derivation([key], KEY_IDS)[key]] == [b"two\n"]
    assert cache.by_derivation([key], KEY_IDS[:1]) == {}
    assert cache.sources(["a" * 64]) == {"a" * 64: oid}


def test_a_place_without_the_marker_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(CacheUnusable, match="there is no cache"):
        StaticCache(FolderPlace(str(tmp_path / "nothing"))).heads([])
    put(tmp_path, file_names.MARKER, b"2\n")
    with pytest.raises(CacheUnusable, match="its format") as caught:
        StaticCache(FolderPlace(str(tmp_path))).sources(["a" * 64])
    assert "a newer one" in str(caught.value.hint)
    put(tmp_path, file_names.MARKER, b"\n<!DOCTYPE html><title>Please log in</title>")
    with pytest.raises(CacheUnusable, match="answers with a web page") as caught:
        StaticCache(FolderPlace(str(tmp_path))).sources(["a" * 64])
    assert "login" in str(caught.value.hint)


def test_damaged_answers_are_left_out_and_reported(cache: StaticCache, tmp_path: Path) -> None:
    oids = [ObjectId(bytes([number]) * 20, "damaged") for number in range(5)]
    good = zstd.compress(head_and_pack(manifest_of("one", DATA), DATA, CUTS)[0].encode())
    bomb = zstd.compress(bytes(HEAD_LIMIT + 1))
    for oid, data in zip(oids, (good, good[:50], b"", b"[]", bomb), strict=True):
        put(tmp_path, file_names.head(oid), data)
    put(tmp_path, file_names.source("a" * 64), b"\xff\n")
    put(tmp_path, file_names.source("b" * 64), b"x" * 1000)
    put(tmp_path, file_names.by_key(b"k" * 32, KEY_IDS[0]), bytes((1 << 20) + 1))
    assert cache.heads(oids) == {}
    assert len(cache.damaged()) == 5
    assert cache.sources(["a" * 64, "b" * 64]) == {}
    assert cache.by_key([b"k" * 32], KEY_IDS) == {}
    assert len(cache.damaged()) == 3
    assert cache.damaged() == []


def test_a_damaged_pack_is_noticed(cache: StaticCache, tmp_path: Path, head: Head) -> None:
    path = tmp_path / file_names.pack(head.manifest.id)
    pack = path.read_bytes()
    digests = [digest.file_digest(data) for data in DATA]
    path.write_bytes(pack[:-1])
    with pytest.raises(CorruptObject, match="too early"):
        taken(cache, head, digests)
    path.write_bytes(bytes(4) + pack[4:])
    with pytest.raises(CorruptObject, match="damaged"):
        taken(cache, head, digests)
    path.unlink()
    with pytest.raises(UnknownObject):
        taken(cache, head, digests)


def test_a_frame_of_another_size_is_refused_before_it_is_unpacked(
    cache: StaticCache, tmp_path: Path, head: Head
) -> None:
    bomb = zstd.compress(bytes(100 << 20))
    packed = head.frames[0].packed
    path = tmp_path / file_names.pack(head.manifest.id)
    pack = path.read_bytes()
    path.write_bytes(bomb[:packed].ljust(packed, b"\0") + pack[packed:])
    with pytest.raises(CorruptObject, match="a compressed frame of 104857600 bytes, not of 2500"):
        taken(cache, head, [digest.file_digest(DATA[0])])


def test_large_heads_are_in_memory_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_cache, "AT_ONCE", 4)
    objects = [head_and_pack(manifest_of(f"n{n}", [b"1"]), [b"1"], [1]) for n in range(9)]
    write_cache(tmp_path, *objects)
    oids = [head.manifest.id for head, _ in objects]
    for oid in oids[1:]:
        put(tmp_path, file_names.head(oid), bytes(3 << 20))
    place, held = FolderPlace(str(tmp_path)), []

    class Counting:
        ranges, name = True, "counting"

        def get(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
            found = place.get(names, limit)
            held.append(sum(map(len, found.values())))
            return found

    cache = StaticCache(Counting())  # type: ignore[arg-type]
    assert list(cache.heads(oids)) == oids[:1]
    assert len(cache.damaged()) == 8
    assert max(held) < 4 * ((1 << 20) + 9)


def test_statements_that_are_too_large_together_are_left_out(
    cache: StaticCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derivations = [bytes([number]) * 32 for number in range(5)]
    for each in derivations:
        put(tmp_path, file_names.by_derivation(each, "a" * 64), b"x" * 1000)
    monkeypatch.setattr(file_answers, "STATEMENT_FILES_LIMIT", 3500)
    assert len(cache.by_derivation(derivations, ["a" * 64])) == 3
    assert "more than 3500 bytes of statements" in cache.damaged()[0]


def test_heads_that_are_too_large_together_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [head_and_pack(manifest_of(f"n{n}", [b"1"]), [b"1"], [1]) for n in range(5)]
    write_cache(tmp_path, *objects)
    oids = [head.manifest.id for head, _ in objects]
    size = len(objects[0][0].encode())
    monkeypatch.setattr(file_answers, "HEADS_LIMIT", 3 * size + 3)
    cache = StaticCache(FolderPlace(str(tmp_path)))
    assert len(cache.heads(oids)) == 3
    assert len(cache.damaged()) == 2
    assert len(cache.heads(oids[3:])) == 2
