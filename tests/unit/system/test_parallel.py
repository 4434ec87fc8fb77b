"""Helping processes: their results, their errors, and how they end."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from store.errors import StoreError
from store.index.content_table import ContentTable
from store.job_errors import OutputRefused
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.manifest import Manifest
from store.objects import staging
from store.objects.ingest import ingest
from store.objects.tree_check import check_object
from store.system import parallel
from store.system.forking import ForkedCall, results
from store.system.parallel import DynamicMap, map_chunks, map_each, map_threads, uncollected


def failing() -> int:
    raise OutputRefused("no", hint="try")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_helper_hands_back_a_value_made_in_another_process() -> None:
    found = ForkedCall(lambda: (os.getpid(), os.getppid())).result()
    assert found[0] != os.getpid()
    assert found[1] == os.getpid()


def test_an_error_crosses_with_its_fields() -> None:
    with pytest.raises(OutputRefused, match="no") as caught:
        ForkedCall(failing).result()
    assert caught.value.hint == "try"


def test_a_helper_that_dies_is_an_error() -> None:
    def die() -> None:
        os.kill(os.getpid(), 9)

    with pytest.raises(StoreError, match="status -9"):
        ForkedCall(die).result()


def test_when_one_fails_the_others_are_ended() -> None:
    pids = os.pipe()

    def sleeping() -> int:
        os.write(pids[1], b"%d\n" % os.getpid())
        time.sleep(1000)
        return 0

    sleeper = ForkedCall(sleeping)
    pid = int(os.read(pids[0], 20))
    with pytest.raises(OutputRefused):
        results([ForkedCall(failing), sleeper])
    assert gone(pid)
    for fd in pids:
        os.close(fd)


def test_items_are_shared_out_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 3)

    def work(items: Sequence[int]) -> tuple[int, int]:
        return os.getpid(), sum(items)

    few = map_chunks(work, list(range(4)), 4)
    assert few == [(os.getpid(), 6)]
    many = map_chunks(work, list(range(100)), 4)
    assert len({pid for pid, _ in many}) == 3
    assert sum(total for _, total in many) == sum(range(100))
    assert map_chunks(work, [], 1) == [(os.getpid(), 0)]


# -- copying with help --


def planted(tree: Path) -> None:
    """Folders of files, many of them equal, with links and empty folders between them."""
    chance = random.Random(7)
    for number in range(40):
        folder = tree / f"d{number % 9}" / f"e{number}"
        folder.mkdir(parents=True)
        for item in range(12):
            (folder / f"f{item}").write_bytes(b"%d" % chance.randrange(60))
            (folder / f"f{item}").chmod(chance.choice([0o644, 0o755]))
        (folder / "link").symlink_to(f"f{number}")
        (folder / "empty").mkdir()


def inodes(layout: Layout, manifest: Manifest) -> dict[tuple[bytes, bool], set[int]]:
    """The inodes of each content."""
    found: dict[tuple[bytes, bool], set[int]] = {}
    for folder, _, names in os.walk(layout.object(manifest.id)):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                seen = path.stat()
                found.setdefault((path.read_bytes(), bool(seen.st_mode & 0o100)), set()).add(
                    seen.st_ino
                )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 5])
def test_a_tree_copied_by_several_is_the_same_as_by_one(
    layout: Layout, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    planted(tree)
    monkeypatch.setattr(staging, "worker_count", lambda: 1)
    other = Layout(str(tmp_path / "other"))
    make_directories(other)
    alone = ingest(other.root, str(tree), "pkg")
    monkeypatch.setattr(staging, "worker_count", lambda: count)
    monkeypatch.setattr(parallel, "worker_count", lambda: count)
    monkeypatch.setattr(staging, "FILES_ALONE", 20)
    helped = ingest(layout.root, str(tree), "pkg")
    assert helped == alone
    assert check_object(layout.root, helped) == []
    contents = inodes(layout, helped)
    assert len(contents) > 60
    assert all(len(numbers) == 1 for numbers in contents.values()), "equal files are one inode"
    assert os.listdir(layout.tmp) == []


@pytest.mark.slow
def test_several_share_with_other_objects(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tree)
    monkeypatch.setattr(staging, "worker_count", lambda: 3)
    monkeypatch.setattr(staging, "FILES_ALONE", 20)
    holders = ContentTable(layout.index)
    first = inodes(layout, ingest(layout.root, str(tree), "one", holders=holders))
    (tree / "more").write_text("of one alone")
    second = inodes(layout, ingest(layout.root, str(tree), "two", holders=holders))
    assert len(second) == len(first) + 1
    assert all(second[content] == numbers for content, numbers in first.items())


@pytest.mark.slow
def test_what_a_helper_refuses_is_raised_and_leaves_nothing(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tree)
    os.mkfifo(tree / "d8" / "e8" / "pipe")
    monkeypatch.setattr(staging, "worker_count", lambda: 3)
    monkeypatch.setattr(staging, "FILES_ALONE", 12)
    with pytest.raises(OutputRefused, match="/d8/e8/pipe is a fifo"):
        ingest(layout.root, str(tree), "pkg")
    assert os.listdir(layout.tmp) == []


def test_threads_take_all_items_in_portions_and_in_order() -> None:
    threads = set()
    both = threading.Barrier(2, timeout=60)

    def double(part: Sequence[int]) -> list[int]:
        threads.add(threading.get_ident())
        if part[0] < 6:
            both.wait()  # two portions are under way at once
        return [2 * item for item in part]

    found = map_threads(double, range(10), 3)
    assert found == [[0, 2, 4], [6, 8, 10], [12, 14, 16], [18]]
    assert len(threads) > 1
    assert map_threads(double, [7, 8, 9], 3) == [[14, 16, 18]]


def test_when_a_portion_fails_no_more_are_begun() -> None:
    begun = []

    def fail(part: Sequence[int]) -> None:
        begun.append(part[0])
        if part[0] == 0:
            raise OutputRefused("no")
        time.sleep(0.01)

    with pytest.raises(OutputRefused):
        map_threads(fail, range(1000), 1)
    assert len(begun) < 1000


@pytest.mark.parametrize("most", [0, 1, 3])
def test_where_no_more_threads_can_begin_those_that_did_do_all(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if len(begun) == most:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert map_threads(sum, range(100), 7) == [
        sum(range(100)[at : at + 7]) for at in range(0, 100, 7)
    ]
    assert len(begun) == most
    assert not any(thread.is_alive() for thread in begun)


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 5539])
def test_every_item_is_drawn_once_and_in_order(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 3)
    items = [str(number) for number in range(count)]
    parts = DynamicMap(list, items, 1).results()
    assert len(parts) == min(3, max(count, 1))
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert all(part == sorted(part, key=int) for part in parts)


def test_who_is_kept_leaves_what_is_not_drawn_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 2)
    parent = os.getpid()

    def slow_helper(items: Iterable[int]) -> list[int]:
        found = []
        for item in items:
            if os.getpid() != parent:
                time.sleep(0.5)
            found.append(item)
        return found

    mine, other = DynamicMap(slow_helper, range(100), 1).results()
    assert sorted(mine + other) == list(range(100))
    assert len(mine) > len(other)


def test_helpers_that_draw_begin_before_they_are_asked_and_end_when_they_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 2)
    pids, into = os.pipe()

    def sleeping(_: Iterable[int]) -> None:
        os.write(into, b"%d\n" % os.getpid())
        time.sleep(60)

    drawn = DynamicMap(sleeping, [1, 2], 1)
    pid = int(os.read(pids, 100))
    assert not gone(pid)
    drawn.cancel()
    drawn.cancel()
    assert gone(pid)
    os.close(pids)
    os.close(into)


def test_an_error_of_one_who_draws_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 2)
    parent = os.getpid()
    before = len(os.listdir("/proc/self/fd"))

    def fail(items: Iterable[int]) -> list[int]:
        if os.getpid() != parent:
            failing()
        return list(items)

    with pytest.raises(OutputRefused):
        DynamicMap(fail, range(10), 1).results()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 100])
def test_answers_are_in_the_order_of_the_items(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "worker_count", lambda: 3)

    def work(items: Sequence[int]) -> list[tuple[int, int]]:
        return [(item * item, os.getpid()) for item in items]

    found = map_each(work, range(count), 3)
    assert [square for square, _ in found] == [item * item for item in range(count)]
    assert len({pid for _, pid in found}) == min(max(count // 3, 1), 3, max(count, 0))


def test_no_look_for_garbage_follows_work_without_any() -> None:
    looks = list[str]()

    def note(phase: str, info: dict[str, int]) -> None:
        looks.append(phase)

    threshold = gc.get_threshold()
    gc.unfreeze()  # the tests, which are frozen again below
    gc.collect()
    gc.set_threshold(1000)
    gc.callbacks.append(note)
    try:
        with uncollected():
            kept = [[number] for number in range(10_000)]
        kept.append([0])
        assert looks == []
        assert gc.isenabled()
        kept += [[number] for number in range(10_000)]
        assert looks != []
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*threshold)
        gc.freeze()


def test_work_without_looks_for_garbage_leaves_frozen_values_frozen() -> None:
    gc.freeze()
    with uncollected():
        kept = [[number] for number in range(gc.get_threshold()[0] + 10)]
    assert gc.get_freeze_count() > 0
    assert len(kept) > gc.get_threshold()[0]


def test_frozen_values_are_not_counted_after_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "get_freeze_count", Mock(side_effect=AssertionError))
    with uncollected():
        pass
    assert gc.isenabled()
