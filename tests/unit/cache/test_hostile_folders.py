"""Folders that others wrote: whatever lies there, nothing is waited for, followed or believed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.cache import file_names, zstd
from store.cache.checking import CacheCheck, CacheFinding
from store.cache.file_answers import STATEMENTS_LIMIT
from store.cache.folder_place import FolderPlace
from store.cache.offering import StatementFile
from store.cache.pruning import PrunePolicy, plan_prune, prune
from store.cache.pull import pull
from store.cache.push_plan import plan_push
from store.cache.pushing import push
from store.cache.static_cache import StaticCache
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.names import ObjectId
from store.signing.keys import PrivateKey
from store.substitute.candidates import Candidate, StatementReading, TrustedCache, WantedNode
from tests.unit.cache.conftest import Origin

ANNE = PrivateKey(b"\1" * 32, "anne")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def oid(origin: Origin, top: Path) -> ObjectId:
    """An object that is in the cache."""
    found = origin.add("object", {"a": b"text", "b": b"more" * 100_000})
    push(origin.store, FolderPlace(str(top)), plan_push(origin.store, [found], None))
    return found


def findings(top: Path) -> list[CacheFinding]:
    found: list[CacheFinding] = []
    CacheCheck(FolderPlace(str(top)), found.append, contents=True).run()
    return found


def fifo(path: Path) -> None:
    os.mkfifo(path)


def secret_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def of_nobody(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("odd", [fifo, secret_link, endless_link, folder, of_nobody])
@pytest.mark.parametrize("kind", ["head", "pack", "marker"])
def test_what_is_no_file_is_neither_followed_nor_waited_for(
    own: Store, top: Path, oid: ObjectId, kind: str, odd: Callable[[Path], None]
) -> None:
    name = {
        "head": file_names.head(oid),
        "pack": file_names.pack(oid),
        "marker": file_names.MARKER,
    }[kind]
    (top / name).unlink()
    odd(top / name)
    began = time.monotonic()
    pulled = pull(own, [StaticCache(FolderPlace(str(top)))], [oid])
    assert (pulled.taken, own.objects.all()) == ((), [])
    assert pulled.unusable or pulled.refused
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("odd", [fifo, secret_link, endless_link])
def test_a_check_reports_what_is_no_file_and_goes_on(
    top: Path, oid: ObjectId, odd: Callable[[Path], None]
) -> None:
    (top / file_names.pack(oid)).unlink()
    odd(top / file_names.pack(oid))
    (top / "sources").mkdir()
    odd(top / "sources" / ("a" * 64))
    odd(top / "stray")
    assert sorted(each.kind for each in findings(top)) == ["pack", "stray", "stray", "stray"]
    place = FolderPlace(str(top))
    prune(place, plan_prune(place, PrunePolicy(older_than=0.0)))


def test_a_folder_behind_a_link_is_left_by_a_prune(
    top: Path, oid: ObjectId, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ("b" * 64)).write_text("mine")
    (top / "sources").symlink_to(outside)
    place = FolderPlace(str(top))
    prune(place, plan_prune(place, PrunePolicy(older_than=0.0, grace=0.0)))
    assert (outside / ("b" * 64)).read_text() == "mine"


def test_names_with_newlines_are_shown_on_one_line(top: Path, oid: ObjectId) -> None:
    sources = top / "sources"
    sources.mkdir()
    (sources / "two\nlines\x1b[31m").write_text("")
    (sources / ("c" * 64)).write_text(f"{oid}\n{oid}\n")
    (top / "objects" / "aa").mkdir(exist_ok=True)
    (top / "objects" / "aa" / f"{oid}\n.head").write_text("")
    found = findings(top)
    assert sorted(each.kind for each in found) == ["source", "stray", "stray"]
    assert not any(character in str(each) for each in found for character in "\n\x1b")
    assert StaticCache(FolderPlace(str(top))).sources(["c" * 64]) == {}


@pytest.mark.parametrize("marker", [b"2\n", b"1", b"", b"1\n\n", b"1\n" * 1000])
def test_a_marker_of_another_version_is_no_cache_to_any_command(
    origin: Origin, own: Store, top: Path, oid: ObjectId, marker: bytes
) -> None:
    (top / file_names.MARKER).write_bytes(marker)
    place = FolderPlace(str(top))
    assert list(pull(own, [StaticCache(place)], [oid]).unusable) == [place.name]
    with pytest.raises(CacheUnusable, match="not one that this program knows"):
        push(origin.store, place, plan_push(origin.store, [oid], None))
    with pytest.raises(CacheUnusable):
        plan_prune(place, PrunePolicy(older_than=0.0))
    with pytest.raises(CacheUnusable):
        findings(top)
    assert (top / file_names.MARKER).read_bytes() == marker


@pytest.mark.parametrize(
    "line",
    [b"\n", b"x\n", b"{}\n", b'{"payload":"","payloadType":"","signatures":[]}\n', b"[" * 99],
)
def test_a_megabyte_of_garbage_costs_little_and_says_nothing(top: Path, line: bytes) -> None:
    data = (line * (STATEMENTS_LIMIT // len(line)))[:STATEMENTS_LIMIT]
    cache = TrustedCache(StaticCache(FolderPlace(str(top))), (ANNE.public,), 1)
    candidate = Candidate(WantedNode(b"n" * 32, "object", ("out",), None))
    reading = StatementReading()
    began = time.process_time()
    reading.hear(candidate, [StatementFile("there", data)], cache)
    assert time.process_time() - began < 2
    assert candidate.speakers == {}


def test_an_object_with_a_skippable_frame_is_refused(own: Store, top: Path, oid: ObjectId) -> None:
    path = top / file_names.head(oid)
    good, skipped = path.read_bytes(), b"\x50\x2a\x4d\x18\x10\0\0\0" + bytes(16)
    for data in (skipped + good, good + skipped, good + good, zstd.compress(good)):
        path.write_bytes(data)
        pulled = pull(own, [StaticCache(FolderPlace(str(top)))], [oid])
        assert (pulled.taken, len(pulled.damaged)) == ((), 1)
