"""A collection takes what nothing keeps, as much of it as is asked for, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import Busy, StillAlive, UnknownObject
from store.gc.collector import Collector, collecting
from store.gc.deletion import delete
from store.gc.plan import make_plan
from store.gc.policy import Policy
from store.gc.removal import DeadRemoval
from store.index.content_table import ContentTable
from store.index.writing import Writer
from store.local.disk import DiskSpace
from store.local.leases import Lease
from store.local.object_removal import Batch, ObjectRemoval
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.objects.ingest import ingest_again
from store.system import kernel
from store.usage.why import why_alive
from tests.amounts import example_count
from tests.unit.gc.conftest import Stock

DAY = 86400


def collect(stock: Stock, policy: Policy | None = None) -> Collector:
    collector = Collector(stock.store)
    collector.collect(policy or Policy())
    return collector


@pytest.mark.slow
@settings(
    max_examples=example_count(12), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sets(st.integers(0, 6), max_size=3), min_size=1, max_size=7),
    st.sets(st.integers(0, 6), max_size=2),
)
def test_what_no_root_reaches_goes_and_the_rest_stays(
    tmp_path_factory: pytest.TempPathFactory, graph: list[set[int]], roots: set[int]
) -> None:
    place = tmp_path_factory.mktemp("place")
    stock = Stock(Store.open(str(tmp_path_factory.mktemp("shop") / "root")), place)
    reach: dict[int, set[int]] = {}
    for at, below in enumerate(graph):
        under = {to for to in below if to < at}
        stock.make(f"n{at}", [f"n{to}" for to in sorted(under)])
        reach[at] = {at}.union(*(reach[to] for to in under))
    kept = {root for root in roots if root < len(graph)}
    for root in kept:
        stock.store.roots.add(f"r{root}", stock.oids[f"n{root}"])
    alive = set().union(*(reach[root] for root in kept))
    for at in reach:
        assert (why_alive(stock.store, stock.oids[f"n{at}"]) is not None) == (at in alive)
    collector = collect(stock)
    assert stock.there() == {f"n{at}" for at in alive}
    assert len(collector.outcome.deleted) == len(graph) - len(alive)
    assert os.listdir(stock.store.layout.trash) == []
    stock.store.close()


def test_a_link_keeps_its_object_until_it_is_gone(stock: Stock) -> None:
    oid = stock.make("a")
    link = stock.place / "result"
    stock.store.roots.link(str(link), oid)
    collect(stock)
    assert stock.there() == {"a"}
    link.unlink()
    plan = make_plan(stock.store, Policy())
    assert [root.path for root in plan.holders.dead] == [str(link)]
    assert collect(stock).outcome.dropped_roots == 1
    assert stock.there() == set()
    assert stock.store.roots.all() == []


def test_a_link_that_leads_elsewhere_by_now_keeps_what_it_leads_to(stock: Stock) -> None:
    old, new = stock.make("old"), stock.make("new")
    link = stock.place / "result"
    stock.store.roots.link(str(link), old)
    link.unlink()
    link.symlink_to(stock.store.layout.object(new))
    collect(stock)
    assert stock.there() == {"new"}


def test_a_lease_keeps_and_one_of_a_process_that_is_gone_does_not(stock: Stock) -> None:
    kept, dead = stock.make("kept"), stock.make("dead")
    assert stock.elsewhere(lambda theirs: theirs.leases.until_exit([dead])) == 0
    with stock.store.leases.begin() as lease:
        lease.add([kept])
        collector = collect(stock)
        assert stock.there() == {"kept"}
        assert collector.outcome.dropped_leases == 1
    collect(stock)
    assert stock.there() == set()


def test_what_was_used_longest_ago_goes_first_and_no_more_than_asked(stock: Stock) -> None:
    now = int(time.time())
    for age, name in enumerate(["young", "middle", "old"], start=1):
        stock.make(name, size=100_000)
        stock.used(name, now - age * DAY)
    collector = collect(stock, Policy(max_freed=1))
    assert stock.there() == {"young", "middle"}
    assert collector.outcome.freed >= 100_000
    collect(stock, Policy(older_than=1.5 * DAY))
    assert stock.there() == {"young"}
    collect(stock, Policy(keep_free=1))
    assert stock.there() == {"young"}


@pytest.mark.parametrize("bound", ["max_freed", "keep_free"])
def test_of_small_objects_no_more_go_than_free_what_is_asked_for(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Files take whole blocks: the freed space is far more than the sum of their sizes."""
    for number in range(40):
        stock.make(f"n{number}", size=10)
    one = sum(
        os.lstat(path).st_blocks * 512
        for path in (
            stock.store.layout.object(stock.oids["n0"]),
            stock.store.layout.manifest(stock.oids["n0"]),
        )
    )
    freed = 0

    def measured(self: DeadRemoval, folder: str) -> None:
        nonlocal freed
        real(self, folder)
        freed = self.freed

    real = DeadRemoval.empty_run
    monkeypatch.setattr(DeadRemoval, "empty_run", measured)
    wanted = 2 * one + 1
    policy = (
        Policy(max_freed=wanted) if bound == "max_freed" else Policy(keep_free=(1 << 30) + wanted)
    )
    monkeypatch.setattr(DiskSpace, "free_bytes", lambda self: (1 << 30) + freed)
    assert len(collect(stock, policy).outcome.deleted) == 3
    assert len(stock.there()) == 37


def test_what_a_spared_object_refers_to_is_spared(stock: Stock) -> None:
    now = int(time.time())
    stock.make("below")
    stock.make("above", ["below"])
    stock.used("below", now - 9 * DAY)
    plan = make_plan(stock.store, Policy(older_than=3 * DAY))
    assert (len(plan.dead), plan.spared) == (0, 2)
    stock.used("above", now - 8 * DAY)
    assert len(make_plan(stock.store, Policy(older_than=3 * DAY)).dead) == 2


@pytest.fixture
def ladder(stock: Stock) -> Stock:
    """``app`` was built with ``tool``, and that from ``source``; none refers to another. All but
    ``app`` were used long ago, and ``other`` has nothing to do with it."""
    for name in ("source", "tool", "app", "other"):
        stock.make(name)
        if name != "app":
            stock.used(name, int(time.time()) - 30 * DAY)
    for name, inputs in (("tool", ["source"]), ("app", ["tool"])):
        built = Resolved(name, "x", "/bin/sh", inputs=tuple(stock.oids[each] for each in inputs))
        made = Made("out", stock.oids[name], (), False, 100)
        stock.store.realisations.register(
            built.digest, built.digest, built, Result((made,), "full", 1, 1.0)
        )
    return stock


def test_what_kept_objects_were_built_from_is_kept_if_asked_for(ladder: Stock) -> None:
    ladder.store.roots.add("mine", ladder.oids["app"])
    assert len(make_plan(ladder.store, Policy()).dead) == 3
    collect(ladder, Policy(keep_derivations=True))
    assert ladder.there() == {"source", "tool", "app"}
    collect(ladder)
    assert ladder.there() == {"app"}


def test_what_spared_objects_were_built_from_is_spared_if_asked_for_and_the_plan_says_so(
    ladder: Stock,
) -> None:
    policy = Policy(older_than=7 * DAY, keep_derivations=True)
    plan = make_plan(ladder.store, policy)
    assert [len(plan.dead), plan.spared, len(plan.used or ())] == [1, 3, 1]
    collect(ladder, policy)
    assert ladder.there() == {"source", "tool", "app"}
    collect(ladder, Policy(older_than=7 * DAY))
    assert ladder.there() == {"app"}


def test_why_says_the_way_from_what_is_held(stock: Stock) -> None:
    stock.make("a")
    stock.make("b", ["a"])
    stock.make("c", ["b"])
    stock.store.roots.add("mine", stock.oids["c"])
    chain = why_alive(stock.store, stock.oids["a"])
    assert chain is not None
    assert str(chain.holder) == "root mine"
    assert chain.objects == tuple(stock.oids[name] for name in "cba")


def test_deleting_takes_what_refers_to_it_and_leaves_what_it_refers_to(stock: Stock) -> None:
    stock.make("a")
    stock.make("b", ["a"])
    stock.make("c", ["b"])
    assert len(delete(stock.store, [stock.oids["b"]]).deleted) == 2
    assert stock.there() == {"a"}
    with pytest.raises(UnknownObject):
        delete(stock.store, [stock.oids["b"]])


def test_deleting_what_is_kept_is_refused_with_the_reason_and_deletes_nothing(
    stock: Stock,
) -> None:
    stock.make("a")
    stock.make("b", ["a"])
    dead = stock.make("dead")
    stock.store.roots.add("mine", stock.oids["b"])
    with pytest.raises(StillAlive, match=r"root mine: .*-b -> .*-a"):
        delete(stock.store, [dead, stock.oids["a"]])
    assert stock.there() == {"a", "b", "dead"}


def test_only_one_process_collects(stock: Stock) -> None:
    with collecting(stock.store), pytest.raises(Busy):
        collect(stock)


def after_the_plan(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Have something done between the plan and the first batch, as another process might."""
    real, todo = ObjectRemoval.take, [action]

    def take(
        self: ObjectRemoval, numbers: Sequence[int], live: Callable[[Writer], bytearray]
    ) -> Batch:
        while todo:
            todo.pop()()
        return real(self, numbers, live)

    monkeypatch.setattr(ObjectRemoval, "take", take)


def test_what_comes_into_use_after_the_plan_stays(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("linked", "rooted", "leased", "input", "again", "dead"):
        stock.make(name)
    lease = Lease(stock.store.index)

    def others() -> None:
        stock.store.roots.link(str(stock.place / "result"), stock.oids["linked"])
        stock.store.roots.add("mine", stock.oids["rooted"])
        lease.add([stock.oids["leased"]])
        stock.make("output", ["input"])
        stock.store.objects.add(str(stock.place / "again"), "again", lease)

    after_the_plan(monkeypatch, others)
    collect(stock)
    assert "dead" not in stock.there()
    lease.end()
    assert stock.there() == {"linked", "rooted", "leased", "input", "output", "again"}


def test_what_somebody_has_put_in_place_and_not_registered_yet_stays(stock: Stock) -> None:
    known = stock.make("known")
    with stock.store.claims() as claims:
        claims.add(known.digest)
        collect(stock)
        assert stock.there() == {"known"}
    collect(stock)
    assert stock.there() == set()


def test_a_run_that_was_killed_is_gone_on_with(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        stock.make(f"n{number}", size=10_000)
    stock.store.roots.add("mine", stock.make("kept"))

    def killed(theirs: Store) -> None:
        # When the objects are out of the store, and still in the trash.
        monkeypatch.setattr(ObjectRemoval, "sync", lambda self: os._exit(9))
        Collector(theirs).collect(Policy())

    assert stock.elsewhere(killed) == 9
    assert stock.there() == {"kept"}
    assert os.listdir(stock.store.layout.trash) != []
    collector = collect(stock)
    assert collector.outcome.deleted == []
    assert collector.outcome.freed >= 5 * 10_000
    assert os.listdir(stock.store.layout.trash) == []


def test_what_the_index_never_knew_is_swept(stock: Stock) -> None:
    oid = stock.make("kept")
    stock.store.roots.add("mine", oid)
    stray = Path(stock.store.layout.objects) / ("0" * 32 + "-stray")
    stray.mkdir()
    (stray / "file").write_text("left by a kill")
    collect(stock)
    assert not stray.exists()
    assert stock.there() == {"kept"}


def test_what_a_killed_swap_left_is_swept_and_what_it_was_of_stays(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = stock.make("kept")
    stock.store.roots.add("mine", oid)

    def killed(theirs: Store) -> None:
        monkeypatch.setattr(kernel, "exchange", lambda one, other: os._exit(9))
        swap(theirs, oid)

    assert stock.elsewhere(killed) == 9
    objects = Path(stock.store.layout.objects)
    assert {path.name for path in objects.iterdir()} == {str(oid), f".{oid}"}
    collector = collect(stock)
    assert collector.outcome.deleted == []
    assert collector.outcome.freed > 0
    assert stock.there() == {"kept"}
    assert stock.store.objects.check(oid) == []


def test_a_swap_that_goes_on_is_waited_for(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    oid = stock.make("kept")
    stock.store.roots.add("mine", oid)
    former = os.stat(stock.store.layout.object(oid)).st_ino
    collected: list[Collector] = []
    exchange = kernel.exchange

    def slow(one: str, other: str) -> None:
        thread = threading.Thread(target=lambda: collected.append(collect(stock)))
        thread.start()
        threads.append(thread)
        time.sleep(0.3)
        assert collected == []
        exchange(one, other)

    threads: list[threading.Thread] = []
    monkeypatch.setattr(kernel, "exchange", slow)
    swap(stock.store, oid)
    threads[0].join()
    assert len(collected) == 1
    assert stock.there() == {"kept"}
    assert stock.store.objects.check(oid) == []
    assert os.stat(stock.store.layout.object(oid)).st_ino != former


def swap(store: Store, oid: ObjectId) -> None:
    """Replace an object by the same one, of another inode."""
    path = store.layout.object(oid)
    ingest_again(store.layout.root, path, oid, store.objects.references(oid), always=True)


def test_shared_inodes_go_with_the_last_object_that_has_them(stock: Stock) -> None:
    for name in ("one", "two"):
        folder = stock.place / f"{name}-tree"
        folder.mkdir()
        (folder / "same").write_text("the same" * 1000)
        (folder / "own").write_text(name)
        stock.oids[name] = stock.store.objects.add(str(folder), name)
    stock.store.roots.add("mine", stock.oids["one"])
    collect(stock)
    kept = Path(stock.store.layout.object(stock.oids["one"]))
    assert (kept / "same").read_text() == "the same" * 1000
    assert (kept / "same").stat().st_nlink == 1
    assert ContentTable(stock.store.layout.index).digests() == [stock.oids["one"].digest]
    stock.store.roots.remove("mine")
    collect(stock)
    assert ContentTable(stock.store.layout.index).digests() == []


def test_equal_files_are_shared_with_what_is_left_when_the_first_is_collected(stock: Stock) -> None:
    def add(name: str) -> Path:
        folder = stock.place / f"{name}-tree"
        folder.mkdir()
        (folder / "same").write_text("the same" * 1000)
        (folder / "own").write_text(name)
        stock.oids[name] = stock.store.objects.add(str(folder), name)
        return Path(stock.store.layout.object(stock.oids[name]), "same")

    add("one")
    second = add("two")
    stock.store.roots.add("mine", stock.oids["two"])
    collect(stock)
    assert add("three").stat().st_ino == second.stat().st_ino


def test_what_a_kill_left_untold_is_told_by_the_next_run(stock: Stock) -> None:
    for name in ("one", "two"):
        stock.make(name)
        stock.store.roots.add(name, stock.oids[name])
    table = ContentTable(stock.store.layout.index)
    table.forget([stock.oids["one"].digest])
    table.tell("0" * 32 + "-gone", b"g" * 20, [(b"c" * 16, b"path")])
    collect(stock)
    assert table.digests() == sorted(stock.oids[name].digest for name in ("one", "two"))
    assert table.find(b"c" * 16) == []


def test_what_a_wrong_clock_called_used_in_the_future_is_not_spared_for_ever(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    stock.make("ahead")
    stock.used("ahead", int(now) + 10_000 * DAY)
    collect(stock, Policy(older_than=7 * DAY))
    assert stock.there() == {"ahead"}
    monkeypatch.setattr(time, "time", lambda: now + 8 * DAY)
    collect(stock, Policy(older_than=7 * DAY))
    assert stock.there() == set()
