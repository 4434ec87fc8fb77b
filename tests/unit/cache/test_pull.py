"""Pulling objects from caches: the right files come, each once, and nothing is left over."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store import digest
from store.cache.content_file import ContentFile
from store.cache.offering import Piece
from store.cache.pull import pull
from store.errors import Busy, StoreError, StoreFull
from store.events import Event, Finished, Started, Tick, Waiting
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.index.writing import Writer
from store.job_errors import DiskReserve
from store.local.store import Store
from store.model.file_tree import Node
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.system.forking import ForkedCall
from store.system.removing import remove_tree
from tests.unit.cache.conftest import Origin


def hexes(*contents: bytes) -> list[str]:
    return sorted(digest.file_digest(data).hex() for data in contents)


def inode(store: Store, oid: ObjectId, path: str) -> os.stat_result:
    return Path(store.layout.object(oid), path).stat()


def test_a_closure_comes_whole_and_sound(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a/b/c": b"deep", "empty": b"", "same": b"deep"})
    high = origin.add_naming_itself("high", low)
    top = origin.add("top", {"large": b"x" * 5_000_000, "zeros": bytes(3 << 20)}, high)
    cache = origin.cache(top)
    told: list[Event] = []
    pulled = pull(own, [cache], [top], emit=told.append)
    assert pulled.taken == (low, high, top)
    assert (pulled.refused, pulled.damaged, pulled.unusable) == ({}, (), {})
    assert own.objects.closure([top]) == origin.store.objects.closure([top])
    assert own.objects.manifest(high) == origin.store.objects.manifest(high)
    assert isinstance(told[0], Started)
    assert told[0].name == f"top from {cache.name}"
    assert isinstance(told[-1], Finished)
    assert (told[-1].kind, told[-1].objects) == ("pull", 3)
    assert told[-1].name == f"3 objects from {cache.name}"
    assert told[-1].size == pulled.fetched > 5_000_000
    assert pull(own, [cache], [top]).taken == ()


def test_each_content_is_transferred_once_and_linked(origin: Origin, own: Store) -> None:
    one = origin.add("one", {"a": b"same", "b": b"same", "c": b"other"})
    two = origin.add("two", {"a": b"same"}, one)
    cache = origin.cache(two)
    pull(own, [cache], [two])
    assert len(cache.given()) == len(set(cache.given()))
    same = {inode(own, one, "a").st_ino, inode(own, one, "b").st_ino, inode(own, two, "a").st_ino}
    assert len(same) == 1


def test_zeros_become_holes(origin: Origin, own: Store) -> None:
    oid = origin.add("holes", {"zeros": b"a" + bytes(8 << 20) + b"b"})
    pull(own, [origin.cache(oid)], [oid])
    assert inode(own, oid, "zeros").st_blocks * 512 < 2 << 20


def test_contents_that_are_here_are_not_asked_for(
    origin: Origin, own: Store, tmp_path: Path
) -> None:
    oid = origin.add("object", {"here": b"it is here", "there": b"it is not", "tool": b"a tool"})
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "x").write_bytes(b"it is here")
    (mine / "tool").write_bytes(b"a tool")
    (mine / "tool").chmod(0o755)
    other = own.objects.add(str(mine), "mine")
    cache = origin.cache(oid)
    pull(own, [cache], [oid])
    assert sorted(cache.given()) == hexes(b"it is not", b"#!/bin/sh\n")
    assert inode(own, oid, "here").st_ino == inode(own, other, "x").st_ino
    # Of the same bytes, but no program.
    assert stat.S_IMODE(inode(own, oid, "tool").st_mode) == 0o444


def test_a_damaged_file_here_is_not_used(origin: Origin, own: Store, tmp_path: Path) -> None:
    oid = origin.add("object", {"a": b"the right bytes"})
    (tmp_path / "mine").write_bytes(b"the right bytes")
    other = own.objects.add(str(tmp_path / "mine"), "mine")
    path = Path(own.layout.object(other))
    path.chmod(0o644)
    path.write_bytes(b"the wrong bytes")
    path.chmod(0o444)
    os.utime(path, ns=(10**9, 10**9))
    cache = origin.cache(oid)
    pull(own, [cache], [oid])
    assert hexes(b"the right bytes")[0] in cache.given()
    path.chmod(0o644)
    path.write_bytes(b"the right bytes")
    path.chmod(0o444)
    os.utime(path, ns=(10**9, 10**9))


def test_an_object_that_is_a_file_or_a_link_comes(
    origin: Origin, own: Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"alone")
    (tmp_path / "file").chmod(0o755)
    (tmp_path / "link").symlink_to("/nowhere")
    oids = [origin.store.objects.add(str(tmp_path / name), name) for name in ("file", "link")]
    cache = origin.cache(*oids)
    assert sorted(pull(own, [cache], oids).taken) == sorted(oids)
    assert os.readlink(own.layout.object(oids[1])) == "/nowhere"


def test_only_missing_members_of_a_closure_come(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a": b"low"})
    middle = origin.add("middle", {"a": b"middle"}, low)
    top = origin.add("top", {"a": b"top"}, middle)
    cache = origin.cache(top)
    assert pull(own, [cache], [middle]).taken == (low, middle)
    before = len(cache.given())
    assert pull(own, [cache], [top]).taken == (top,)
    assert len(cache.given()) == before + 2  # its own file, and the list of its needs


def test_an_object_that_the_disk_lost_comes_again(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    cache = origin.cache(top)
    pull(own, [cache], [top])
    os.rename(own.layout.object(low), f"{own.layout.trash}/lost")
    assert pull(own, [cache], [top]).taken == (low,)
    remove_tree(f"{own.layout.trash}/lost")


def test_records_are_settled_in_the_same_transaction(origin: Origin, own: Store) -> None:
    oid = origin.add("object", {"a": b"a"})
    cache = origin.cache(oid)
    tops: list[dict[ObjectId, Node]] = []

    def settle(txn: Writer, roots: object) -> None:
        assert txn.objects.has(oid)
        assert isinstance(roots, dict)
        tops.append(dict(roots))
        record = Realisation(b"k" * 32, "out", oid, "u", "h", "full", None, 5, 1)
        txn.realisations.add(record)

    for _ in range(2):
        pull(own, [cache], [oid], settle=settle)
        assert tops.pop() == {oid: cache.known[oid].manifest.root}
    assert [record.object for record in own.realisations.makers(oid)] == [oid]


def test_the_first_cache_that_has_an_object_gives_it(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    one, two = origin.cache(low), origin.cache(top, name="memory:two")
    assert pull(own, [one, two], [top]).taken == (low, top)
    assert hexes(b"low")[0] in one.given()
    assert hexes(b"low")[0] not in two.given()


def test_a_cache_that_cannot_be_used_is_passed_over(origin: Origin, own: Store) -> None:
    oid = origin.add("object", {"a": b"a"})
    one, two = origin.cache(oid), origin.cache(oid, name="memory:two")
    one.broken = True
    pulled = pull(own, [one, two], [oid])
    assert pulled.taken == (oid,)
    assert pulled.unusable["memory:one"].message == "memory:one is silent"
    assert pull(own, [one], [ObjectId(b"n" * 20, "none")]).refused


def test_nothing_is_taken_that_a_missing_object_is_needed_for(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    alone = origin.add("alone", {"a": b"alone"})
    cache = origin.cache(top, alone)
    del cache.known[low]
    pulled = pull(own, [cache], [top, alone])
    assert pulled.taken == (alone,)
    assert pulled.refused[low] == "no cache has it"
    assert str(low) in pulled.refused[top]
    assert hexes(b"top")[0] not in cache.given()


# -- cut short, and beside each other --------------------------------------------------------


class Slow:
    """Waits before each content, so that something can happen meanwhile."""

    def __init__(self, after: int, seconds: float) -> None:
        self._left = after
        self._seconds = seconds

    def __call__(self, key: bytes, pieces: Iterator[Piece]) -> Iterator[Piece]:
        self._left -= 1
        if self._left < 0:
            time.sleep(self._seconds)
        yield from pieces


def many(origin: Origin) -> ObjectId:
    return origin.add("many", {f"d{n % 3}/{n}": b"%d" % n * 1000 for n in range(40)})


def test_a_killed_pull_is_gone_on_with(origin: Origin, own: Store) -> None:
    oid = many(origin)
    cache = origin.cache(oid)
    cache.lies[oid] = Slow(20, 60)

    def stop_soon(event: Event) -> None:
        if isinstance(event, Tick) and len(cache.given()) >= 22:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(own, [cache], [oid], emit=stop_soon)
    assert not own.objects.present(oid)
    (left,) = Path(own.layout.partial).iterdir()
    assert left.name == f"{oid.text}.pull"
    first = cache.given()
    cache.log.unlink()
    del cache.lies[oid]
    assert pull(own, [cache], [oid]).taken == (oid,)
    again = set(first) & set(cache.given())
    assert len(again) <= 2  # of the two runs, the files that were under way
    assert len(cache.given()) == 41 - len(first) + len(again)


def test_a_part_that_was_changed_meanwhile_is_not_used(origin: Origin, own: Store) -> None:
    oid = origin.add("object", {"a": b"right", "b": b"other"})
    left = Path(own.layout.partial, f"{oid.text}.pull/x")
    left.mkdir(parents=True)
    for name, data in (("a", b"wrong"), ("b", b"other")):
        (left / name).write_bytes(data)
        (left / name).chmod(0o444)
        os.utime(left / name, ns=(10**9, 10**9))
    cache = origin.cache(oid)
    pull(own, [cache], [oid])
    assert sorted(cache.given()) == hexes(b"right", b"#!/bin/sh\n")


def test_an_object_in_place_that_nobody_registered_is_used(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = many(origin)
    cache = origin.cache(oid)

    def fail(*_: object) -> None:
        raise StoreFull("no room for a transaction")

    with monkeypatch.context() as patch, pytest.raises(StoreFull):
        patch.setattr("store.index.env.Index.write", fail)
        pull(own, [cache], [oid])
    assert os.path.exists(own.layout.object(oid))
    assert not own.objects.present(oid)
    cache.log.unlink()
    assert pull(own, [cache], [oid]).taken == (oid,)
    assert cache.given() == []


def test_two_pulls_of_one_object_fetch_it_once(origin: Origin, tmp_path: Path) -> None:
    oid = many(origin)
    cache = origin.cache(oid)
    cache.lies[oid] = Slow(0, 0.02)
    root = str(tmp_path / "shared")
    Store.open(root).close()

    def other() -> int:
        told: list[Event] = []
        store = Store.open(root)
        try:
            pulled = pull(store, [cache], [oid], emit=told.append)
            assert (pulled.refused, pulled.damaged) == ({}, ())
            assert store.objects.present(oid)
        finally:
            store.close()
        return sum(isinstance(event, Waiting) for event in told)

    calls = [ForkedCall(other) for _ in range(2)]
    assert sorted(call.result() for call in calls) == [0, 1]
    assert len(cache.given()) == len(set(cache.given())) == 41


def test_a_collection_leaves_a_pull_alone(origin: Origin, own: Store) -> None:
    oid = many(origin)
    cache = origin.cache(oid)
    cache.lies[oid] = Slow(0, 0.03)
    failed: list[Exception] = []
    ended = threading.Event()

    def emit(event: Event) -> None:
        if not ended.is_set() and len(cache.given()) > 5:
            ended.set()
            try:
                Collector(own).collect(Policy(older_than=0))
            except StoreError as error:
                failed.append(error)

    with own.leases.begin() as lease:
        assert pull(own, [cache], [oid], lease=lease, emit=emit).taken == (oid,)
        Collector(own).collect(Policy(older_than=0))
        assert own.objects.present(oid)
    assert ended.is_set()
    assert failed == []


def test_a_stopped_pull_is_not_waited_for(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = many(origin)
    cache = origin.cache(oid)
    monkeypatch.setattr("store.system.locks.STOPPED_SECONDS", 0.2)
    path = f"{own.layout.partial}/{oid.text}.pull"
    os.mkdir(path)
    pid = os.fork()
    if not pid:
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    try:
        with pytest.raises(Busy):
            pull(own, [cache], [oid])
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.rmdir(path)


# -- room ------------------------------------------------------------------------------------


def test_the_disk_reserve_stays_free(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = origin.add("large", {"a": b"a" * 100_000})
    disk = os.statvfs(own.layout.root)
    free = disk.f_bavail * disk.f_frsize
    monkeypatch.setattr("store.local.disk.DiskSpace.reserve", lambda self: free * 2)
    with pytest.raises(DiskReserve):
        pull(own, [origin.cache(oid)], [oid])
    assert not own.objects.present(oid)


def test_a_disk_that_fills_ends_the_pull(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = many(origin)
    cache = origin.cache(oid)

    def full(self: ContentFile, data: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(StoreFull):
        patch.setattr(ContentFile, "write", full)
        pull(own, [cache], [oid])
    assert not own.objects.present(oid)
    assert pull(own, [cache], [oid]).taken == (oid,)


def test_the_lease_of_what_is_taken_costs_no_transaction(
    origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = origin.add("low", {"a": b"low"})
    top = origin.add("top", {"a": b"top"}, low)
    writes: list[object] = []
    write = own.index.write

    def counted(work: Callable[[Writer], Any]) -> Any:
        writes.append(work)
        return write(work)

    monkeypatch.setattr(own.index, "write", counted)
    for expected in (2, 1):  # the second one holds only its goal, as that keeps the rest
        writes.clear()
        with own.leases.begin() as lease:
            pull(own, [origin.cache(top)], [top], lease=lease)
            assert (len(writes), lease.held) == (1, expected)
            with own.index.read() as txn:
                held = {oid for each in txn.leases.all().values() for oid in each.held}
                assert held == ({low, top} if expected == 2 else {top})
