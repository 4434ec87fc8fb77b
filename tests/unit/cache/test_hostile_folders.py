"""Folders that others wrote: whatever lies there, nothing is waited for, followed or believed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.cache import file_names, zstd
from store.cache.checking import CacheCheck, CacheFinding
from store.cache.file_answers import STATEMENTS_LIMIT
from store.cache.folder_place import FolderPlace
from store.cache.inventory import take_inventory
from store.cache.offering import StatementFile
from store.cache.pruning import PrunePolicy, plan_prune, prune
from store.cache.pull import pull
from store.cache.push_plan import plan_push
from store.cache.pushing import push
from store.cache.static_cache import StaticCache
from store.digest import file_digest
from store.index.writing import Writer
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.realisation import Realisation
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
    found = sorted((each.kind, each.severity) for each in findings(top))
    assert found == [("pack", "error"), ("source", "error"), ("stray", "note")]
    place = FolderPlace(str(top))
    prune(place, plan_prune(place, PrunePolicy(older_than=0.0)))


def socket_file(path: Path) -> None:
    folder = os.open(path.parent, os.O_PATH)  # the path alone may be too long for a socket
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


ODD: list[Callable[[Path], None]] = [
    fifo,
    socket_file,
    secret_link,
    endless_link,
    folder,
    of_nobody,
]
KINDS = dict.fromkeys(ODD, "a link in the place of a file") | {
    fifo: "a fifo in the place of a file",
    socket_file: "a socket in the place of a file",
    folder: "a folder in the place of a file",
}


@pytest.fixture
def made(origin: Origin, top: Path) -> ObjectId:
    """An object of a build, in the cache with all that is said of it."""
    found = origin.add("made", {"a": b"text"})
    node = Derivation("made", "x86_64-linux", "/bin/sh")
    key = node.resolve({})
    Path(origin.store.start_log(key.digest)).write_bytes(b"log")
    record = Realisation(key.digest, "out", found, "u", "h", "full", file_digest(b"log"), 1, 9)

    def write(txn: Writer) -> None:
        txn.nodes.put([key])
        txn.realisations.add(record)
        txn.nodes.put_outcomes({node.digest: key.digest})

    origin.store.index.write(write)
    push(origin.store, FolderPlace(str(top)), plan_push(origin.store, [found], ANNE))
    return found


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", ["head", "pack", "statement", "log"])
def test_what_is_no_file_is_named_and_put_again(
    origin: Origin, top: Path, made: ObjectId, kind: str, odd: Callable[[Path], None]
) -> None:
    place = FolderPlace(str(top))
    inventory = take_inventory(place)
    name = {
        "head": file_names.head(made),
        "pack": file_names.pack(made),
        "statement": inventory.statements[0].file.name,
        "log": next(iter(inventory.logs.values())).name,
    }[kind]
    (top / name).unlink()
    odd(top / name)
    (found,) = [each for each in findings(top) if each.severity == "error"]
    assert (found.kind, found.name) == (kind, name)
    assert "in the place of a file" in found.detail
    prune(place, plan_prune(place, PrunePolicy(older_than=3600.0)))
    if odd is folder:
        with pytest.raises(CacheUnusable, match="a folder in the place of a file") as said:
            push(origin.store, place, plan_push(origin.store, [made], ANNE))
        assert name in said.value.message
        (top / name).rmdir()
    done = push(origin.store, place, plan_push(origin.store, [made], ANNE))
    assert not done.nothing
    assert odd is folder or kind not in ("head", "pack") or "in the place" in done.mended[made]
    assert findings(top) == []


@pytest.mark.parametrize("odd", ODD)
def test_a_cache_with_something_else_for_one_file_serves_the_others(
    own: Store, top: Path, oid: ObjectId, made: ObjectId, odd: Callable[[Path], None]
) -> None:
    for name in (file_names.head(oid), file_names.pack(oid)):
        (top / name).rename(top / name[:-4])
        odd(top / name)
        pulled = pull(own, [StaticCache(FolderPlace(str(top)))], [oid, made])
        assert (pulled.taken, pulled.unusable) == ((made,) if name.endswith("head") else (), {})
        assert {*pulled.damaged} == {f"{top}/{name} is damaged: there is {KINDS[odd]}"}
        assert [*pulled.refused] == [oid]
        (top / name).rmdir() if odd is folder else (top / name).unlink()
        (top / name[:-4]).rename(top / name)


@pytest.mark.parametrize("below", ["objects", "by-key", "logs", "by-derivation", "objects/*"])
def test_a_link_in_the_place_of_a_folder_leads_nowhere(
    origin: Origin, own: Store, top: Path, made: ObjectId, tmp_path: Path, below: str
) -> None:
    folder = next(top.glob(below))
    outside = tmp_path / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    place = FolderPlace(str(top))
    name = str(folder.relative_to(top))
    assert name in [each.name for each in findings(top) if each.severity == "error"]
    prune(place, plan_prune(place, PrunePolicy(older_than=0.0, grace=0.0)))
    with pytest.raises(CacheUnusable, match=f"a link in the place of the folder {name}"):
        push(origin.store, place, plan_push(origin.store, [made], ANNE))
    assert sorted(outside.rglob("*")) == before
    if below.startswith("objects"):
        assert not pull(own, [StaticCache(place)], [made]).taken


@pytest.mark.parametrize("odd", [fifo, socket_file, secret_link, folder])
def test_a_prune_leaves_what_no_writer_of_ours_began(
    top: Path, oid: ObjectId, odd: Callable[[Path], None]
) -> None:
    odd(top / ".new-1-2")
    os.utime(top / ".new-1-2", (0, 0), follow_symlinks=False)
    place = FolderPlace(str(top))
    prune(place, plan_prune(place, PrunePolicy(older_than=3600.0)))
    assert os.path.lexists(top / ".new-1-2") == (odd is not secret_link)


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
