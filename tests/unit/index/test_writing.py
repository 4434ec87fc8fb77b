"""The tables of the index, and their readers and writers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import canon
from store.errors import CorruptObject, InvalidName, StorageError, UnknownObject
from store.index import holder
from store.index.env import Index
from store.index.schema import COARSE, NUMBER, TABLES, LeaseRecord, ObjectEntry, Root, RootColumns
from store.index.writing import Writer
from store.model.names import ObjectId
from store.model.realisation import Realisation
from tests.amounts import example_count
from tests.golden.examples import DERIVATION, REALISATION, RESOLVED, SOURCE


def unregister(number: int, txn: Writer) -> None:
    txn.objects.unregister(number)


def put_outcomes(outcomes: dict[bytes, bytes], txn: Writer) -> None:
    txn.nodes.put_outcomes(outcomes)


def put_root(name: str, txn: Writer) -> None:
    txn.roots.put(name, oid(1))


def end_lease(token: bytes, most: int | None, txn: Writer) -> int:
    return txn.leases.end(token, most)


def note_used(now: int, txn: Writer) -> None:
    txn.times.note_used([oid(1), oid(9)], now)


def note_verified(number: int, now: int, txn: Writer) -> None:
    txn.times.note_verified([oid(number), oid(9)], now)


def add_history(milliseconds: int, txn: Writer) -> None:
    txn.history.add("gcc", milliseconds)


def oid(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(20, "big"), f"n{number}")


def register(index: Index, number: int, below: Iterable[int] = (), size: int = 0) -> None:
    references = sorted(map(oid, below))
    index.write(lambda txn: txn.objects.register(oid(number), references, False, size))


def add(index: Index, record: Realisation) -> None:
    index.write(lambda txn: txn.realisations.add(record))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.open(str(tmp_path))


GRAPHS = st.lists(st.sets(st.integers(0, 7), max_size=4), min_size=1, max_size=8)


@settings(
    max_examples=example_count(25), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(GRAPHS)
def test_references_and_referrers_mirror_each_other(
    tmp_path_factory: pytest.TempPathFactory, graph: list[set[int]]
) -> None:
    index = Index.open(str(tmp_path_factory.mktemp("index")))
    edges = {at: {to for to in below if to < at} for at, below in enumerate(graph)}
    for at, below in edges.items():
        register(index, at, below, size=at)
    reach: dict[int, set[int]] = {}
    for at, below in edges.items():
        reach[at] = {at}.union(*(reach[to] for to in below))
    with index.read() as txn:
        assert list(txn.objects.all()) == [(oid(at), at) for at in edges]
        for at, below in edges.items():
            assert txn.graph.references(oid(at)) == [oid(to) for to in sorted(below)]
            assert txn.graph.closure([oid(at)]) == [oid(to) for to in sorted(reach[at])]
            above = [other for other in edges if at in edges[other]]
            assert txn.graph.referrers(oid(at)) == [oid(other) for other in above]
            over = [other for other in edges if at in reach[other]]
            assert txn.graph.referrers_closure([oid(at)]) == [oid(other) for other in over]
            marks = bytearray(txn.by_number.next_number())
            marks[txn.objects.known(oid(at))] = 1
            dead = [oid(other) for other in edges if other not in reach[at]]
            assert list(map(txn.by_number.id, txn.graph.unmarked(marks))) == dead[::-1]
            assert txn.by_number.listing(txn.graph.reached([oid(at)])) == [
                (str(oid(to)), to) for to in sorted(reach[at])
            ]
        assert txn.graph.closure([]) == []
    index.close()


def test_a_reference_to_what_is_not_registered_is_refused(index: Index) -> None:
    with pytest.raises(StorageError, match="not in the store"):
        index.write(lambda txn: txn.objects.register(oid(2), [oid(1)], False, 0))
    with index.read() as txn:
        assert not txn.objects.has(oid(2))


def test_registering_twice_is_registering_once(index: Index) -> None:
    index.write(lambda txn: txn.objects.register(oid(1), [], True, 5))
    index.write(lambda txn: txn.objects.register(oid(1), [], True, 5))
    with index.read() as txn:
        record = txn.objects.record(oid(1))
        assert (record.id, record.size, record.refers_to_itself) == (oid(1), 5, True)
        assert len(list(txn.objects.all())) == 1


def test_what_is_not_registered_is_unknown(index: Index) -> None:
    with index.read() as txn:
        for ask in (txn.objects.record, txn.graph.references, txn.graph.referrers):
            with pytest.raises(UnknownObject):
                ask(oid(1))
        with pytest.raises(UnknownObject):
            txn.graph.closure([oid(1)])
        assert txn.realisations.makers(oid(1)) == []


def test_realisations_are_many_valued_and_none_is_replaced(index: Index) -> None:
    first = replace(REALISATION, object=oid(1))
    second = replace(first, object=oid(2))
    third = replace(first, host="elsewhere")
    other = replace(first, output="outer")

    for number in (1, 2):
        register(index, number)
    for record in (first, second, third, other, first):
        add(index, record)
    with index.read() as txn:
        found = txn.realisations.of(first.key, "out")
        assert sorted(found, key=repr) == sorted([first, second, third], key=repr)
        assert txn.realisations.of(first.key, "outer") == [other]
        assert txn.realisations.of(first.key, "ou") == []
        assert txn.realisations.of(b"k" * 32, "out") == []
        assert sorted(txn.realisations.makers(oid(1)), key=repr) == sorted(
            [first, third, other], key=repr
        )
        assert txn.realisations.makers(oid(2)) == [second]


def test_a_realisation_outlives_its_object_and_may_come_before_it(index: Index) -> None:
    record = replace(REALISATION, object=oid(1))
    add(index, record)
    for _ in range(2):
        register(index, 1)
        with index.read() as txn:
            assert txn.realisations.makers(oid(1)) == [record]
            assert txn.realisations.of(record.key, record.output) == [record]
            number = txn.objects.known(oid(1))
        index.write(partial(unregister, number))
    with index.read() as txn:
        assert not txn.objects.has(oid(1))
        assert txn.realisations.makers(oid(1)) == list(txn.realisations.all()) == [record]


def test_nodes_come_back(index: Index) -> None:
    index.write(lambda txn: txn.nodes.put([SOURCE, DERIVATION, RESOLVED]))
    with index.read() as txn:
        assert txn.nodes.get(SOURCE.digest) == SOURCE
        assert txn.nodes.get(DERIVATION.digest) == DERIVATION
        assert txn.nodes.get(RESOLVED.digest) == RESOLVED
        assert txn.nodes.get(b"n" * 32) is None


def test_outcomes_are_replaced(index: Index) -> None:
    for key in (b"a" * 32, b"b" * 32):
        index.write(partial(put_outcomes, {b"n" * 32: key}))
    with index.read() as txn:
        assert txn.nodes.outcome(b"n" * 32) == b"b" * 32
        assert txn.nodes.outcome(b"m" * 32) is None


def test_roots_come_back_and_go(index: Index) -> None:
    before = int(time.time())
    index.write(lambda txn: txn.objects.register(oid(1), [], False, 0))
    index.write(lambda txn: txn.roots.put("link:/a b", oid(1), b"/a b\xff"))
    index.write(lambda txn: txn.roots.put("keep", oid(1)))
    with index.read() as txn:
        roots = txn.roots.all()
    assert {name: (root.id, root.path) for name, root in roots.items()} == {
        "link:/a b": (oid(1), b"/a b\xff"),
        "keep": (oid(1), b""),
    }
    assert all(before <= root.since <= time.time() for root in roots.values())
    with index.read() as txn:
        values = txn.roots.values()
    assert [name for name, _ in values] == [b"keep", b"link:/a b"]
    columns = RootColumns.unpack([data for _, data in values])
    assert list(map(ObjectId, columns.digests, columns.objects)) == [oid(1), oid(1)]
    assert list(columns.paths) == [b"", b"/a b\xff"]
    assert index.write(lambda txn: txn.roots.remove("keep"))
    assert not index.write(lambda txn: txn.roots.remove("keep"))
    with index.read() as txn:
        assert list(txn.roots.all()) == ["link:/a b"]


@pytest.mark.parametrize(
    "record",
    [
        [b"d" * 20, "name", b""],
        [b"d" * 20, "name", b"", 0, 0],
        [b"d" * 19, "name", b"", 0],
        ["d" * 20, "name", b"", 0],
        [b"d" * 20, ".name", b"", 0],
        [b"d" * 20, b"name", b"", 0],
        [b"d" * 20, "name", "", 0],
        [b"d" * 20, "name", b"", -1],
        [b"d" * 20, "name", b"", True],
        [b"d" * 20, "name", b"", [0]],
    ],
)
def test_among_many_roots_a_damaged_one_is_found(record: list[canon.Value]) -> None:
    sound = [Root(oid(number)).pack() for number in range(9)]
    assert list(RootColumns.unpack(sound).digests) == [oid(n).digest for n in range(9)]
    for damaged in (canon.encode(record), sound[0] + b"\0", b"\xc1", b""):
        with pytest.raises(CorruptObject, match="'roots'"):
            RootColumns.unpack([*sound, damaged])


def test_a_root_of_nothing_or_with_too_long_a_name_is_refused(index: Index) -> None:
    with pytest.raises(UnknownObject):
        index.write(lambda txn: txn.roots.put("a", oid(1)))
    index.write(lambda txn: txn.objects.register(oid(1), [], False, 0))
    for name in ("", "n" * 512):
        with pytest.raises(InvalidName, match="name of a root"):
            index.write(partial(put_root, name))


def test_leases_name_their_process_grow_and_end(index: Index) -> None:
    token = index.write(lambda txn: txn.leases.put(None, [oid(1)]))
    assert index.write(lambda txn: txn.leases.put(token, [oid(2)])) == token
    other = index.write(lambda txn: txn.leases.put(None, [oid(2)]))
    with index.read() as txn:
        leases = txn.leases.all()
    assert leases[token] == holder.myself()._replace(held=(oid(1), oid(2)))
    assert leases[other].held == (oid(2),)
    for _ in range(2):
        index.write(lambda txn: txn.leases.end(token))
    with index.read() as txn:
        assert list(txn.leases.all()) == [other]


def lease_to(txn: Writer, lease: LeaseRecord) -> bytes:
    token = txn.leases.put(None, [oid(1)])
    txn._tables.put(b"leases", token, lease.pack())
    return token


def test_leases_of_dead_processes_are_dropped_and_no_others(index: Index) -> None:
    mine = holder.myself()
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    living = [mine, mine._replace(pid=dead, space=mine.space + 1)]
    gone = [
        mine._replace(pid=dead),
        mine._replace(start=mine.start + 1),
        mine._replace(start=0),
        mine._replace(boot="another"),
        mine._replace(boot="another", space=mine.space + 1),
    ]
    tokens = [index.write(partial(lease_to, lease=lease)) for lease in [*living, *gone]]
    with index.read() as txn:
        stale = txn.leases.stale()
    for token in stale:
        assert index.write(partial(end_lease, token, None)) == 1
    with index.read() as txn:
        assert sorted(txn.leases.all()) == sorted(tokens[: len(living)])
        assert len(list(txn._tables.prefixed(b"held", b""))) == len(living)


def test_a_lease_ends_bit_by_bit(index: Index) -> None:
    token = index.write(lambda txn: txn.leases.put(None, map(oid, range(5))))
    left: list[tuple[int, int, bool]] = []
    while not left or left[-1][0] == 2:
        ended = index.write(partial(end_lease, token, 2))
        with index.read() as txn:
            left.append((ended, len(list(txn.leases._held(token))), token in txn.leases.all()))
    assert left == [(2, 3, True), (2, 1, True), (1, 0, False)]


def test_a_process_that_has_ended_has_no_start() -> None:
    assert holder.process_start(os.getpid()) > 0
    assert holder.process_start(2**22 + 1) == 0
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    while holder.process_start(pid):
        time.sleep(0.01)
    os.waitpid(pid, 0)


def test_numbers_are_never_given_again(index: Index) -> None:
    for _ in range(3):
        register(index, 1)
        with index.read() as txn:
            number = txn.objects.known(oid(1))
        index.write(partial(unregister, number))
    register(index, 2)
    with index.read() as txn:
        assert txn.objects.known(oid(2)) == 4
        assert txn.by_number.next_number() == 5


def test_what_is_referred_to_cannot_be_forgotten(index: Index) -> None:
    register(index, 1)
    register(index, 2, [1])
    with pytest.raises(StorageError, match="still referred to"):
        index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid(1))))
    index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid(2))))
    with index.read() as txn:
        assert txn.graph.referrers(oid(1)) == []
    index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid(1))))
    with index.read() as txn:
        assert txn.objects.count() == 0
        left = {name: txn._tables.entries(name) for name in TABLES}
    assert {name for name, entries in left.items() if entries} == {b"meta"}


def test_many_are_registered_in_any_order(index: Index) -> None:
    register(index, 1)
    entries = [
        ObjectEntry(oid(n), [oid(n - 1), oid(1)][: n - 1], False, n) for n in range(50, 0, -1)
    ]
    assert index.write(lambda txn: txn.objects.register_all(entries)) == 49
    assert index.write(lambda txn: txn.objects.register_all(entries)) == 0
    with index.read() as txn:
        assert txn.graph.closure([oid(50)]) == [oid(n) for n in range(1, 51)]
        for n in range(2, 51):
            assert all(
                other < txn.objects.known(oid(n))
                for other in txn.graph.below(txn.objects.known(oid(n)))
            )


def test_objects_in_a_cycle_or_with_a_hole_below_are_refused(index: Index) -> None:
    cycle = [ObjectEntry(oid(1), [oid(2)], False, 0), ObjectEntry(oid(2), [oid(1)], False, 0)]
    with pytest.raises(StorageError, match="cycle"):
        index.write(lambda txn: txn.objects.register_all(cycle))
    with pytest.raises(StorageError, match="not in the store"):
        index.write(
            lambda txn: txn.objects.register_all([*cycle[:1], ObjectEntry(oid(3), [], False, 0)])
        )
    with index.read() as txn:
        assert txn.objects.count() == 0


def test_marking_goes_on_from_what_is_marked(index: Index) -> None:
    for number, below in ((1, []), (2, [1]), (3, []), (4, [2, 3])):
        register(index, number, below)
    with index.read() as txn:
        marks = bytearray(txn.by_number.next_number())
        assert list(txn.graph.spread([2], marks)) == [2, 1]
        assert list(txn.graph.spread([2, 1], marks)) == []
        assert sorted(txn.graph.spread([4], marks)) == [3, 4]


def test_the_last_use_is_kept_coarsely(index: Index) -> None:
    register(index, 1)
    with index.read() as txn:
        number = txn.objects.known(oid(1))
        made = txn.times.last_used(number)
    for later, kept in ((COARSE - 1, 0), (COARSE, COARSE), (2 * COARSE - 1, COARSE)):
        index.write(partial(note_used, made + later))
        with index.read() as txn:
            assert txn.times.last_used(number) == made + kept


def test_the_time_of_the_last_verification_is_kept(index: Index) -> None:
    for number in (1, 2):
        register(index, number)
    for when in (10, 30):
        index.write(partial(note_verified, 1, when))
    with index.read() as txn:
        assert txn.times.last_verified(txn.objects.known(oid(1))) == 30
        assert txn.times.last_verified(txn.objects.known(oid(2))) == 0


def test_while_a_collector_runs_what_becomes_held_is_written_down(index: Index) -> None:
    for number in range(1, 5):
        register(index, number)
    index.write(lambda txn: txn.roots.put("before", oid(1)))
    index.write(lambda txn: txn.journal.start())
    index.write(lambda txn: txn.roots.put("a", oid(2)))
    with index.read() as txn:
        first, position = txn.journal.since(0)
    index.write(lambda txn: txn.leases.put(None, [oid(3), oid(4)]))
    with index.read() as txn:
        second, end = txn.journal.since(position)
        assert txn.journal.since(end) == ([], end)
    assert (first, second) == ([oid(2).digest], [oid(3).digest, oid(4).digest])
    index.write(lambda txn: txn.journal.end())
    index.write(lambda txn: txn.roots.put("after", oid(1)))
    with index.read() as txn:
        assert txn.journal.since(0) == ([], 0)


def test_objects_are_found_by_the_beginning_of_their_digest(index: Index) -> None:
    for number in (1, 2, 3, 255, 256):
        register(index, number)
    with index.read() as txn:
        assert txn.objects.beginning(oid(2).digest, oid(255).digest) == [oid(2), oid(3), oid(255)]
        assert txn.objects.beginning(oid(257).digest, b"\xff" * 20) == []


def test_verified_sources_are_known_by_hash_and_locator(index: Index) -> None:
    index.write(lambda txn: txn.sources.add("ab" * 32, "debian:x" + "y" * 600, 1))
    with index.read() as txn:
        assert txn.sources.verified("ab" * 32, "debian:x" + "y" * 600)
        assert not txn.sources.verified("ab" * 32, "debian:z")
        assert not txn.sources.verified("ac" * 32, "debian:x")


def test_history_keeps_the_newest(index: Index) -> None:
    for number in range(40):
        index.write(partial(add_history, number))
    with index.read() as txn:
        assert txn.history.of("gcc") == list(range(25, 40))
        assert txn.history.of("make") == []


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("objects", b"no record"),
        ("objects", None),
        ("references", None),
        ("references", b"123"),
        ("nodes", b"?"),
    ],
)
def test_garbage_in_a_table_is_named_and_no_closure_has_a_hole(
    index: Index, table: str, value: bytes | None
) -> None:
    register(index, 1)
    register(index, 2, [1])

    def damage(txn: Writer) -> None:
        key = b"k" * 32 if table == "nodes" else NUMBER.pack(txn.objects.known(oid(2)))
        if value is None:
            txn._tables.delete(table.encode(), key)
        else:
            txn._tables.put(table.encode(), key, value)

    index.write(damage)
    with index.read() as txn, pytest.raises(CorruptObject, match=table):
        txn.nodes.get(b"k" * 32)
        txn.graph.closure([oid(2)])


@pytest.mark.parametrize("value", [NUMBER.pack(2)[::-1], NUMBER.pack(9)[::-1], b"abc", None])
def test_nothing_is_told_dead_by_a_graph_that_cannot_be(index: Index, value: bytes | None) -> None:
    register(index, 1)
    register(index, 2, [1])

    def damage(txn: Writer) -> None:
        # Where there are none at all, it is the first object's that are gone: a hole.
        key = NUMBER.pack(2 if value else 1)
        txn._tables.delete(b"references", key)
        if value:
            txn._tables.put(b"references", key, value)

    index.write(damage)
    with index.read() as txn, pytest.raises(CorruptObject, match="references"):
        txn.graph.unmarked(bytearray([0, 0, 1]))


def test_names_come_in_the_order_that_is_asked_for(index: Index) -> None:
    for number in (3, 1, 2):
        register(index, number)
    with index.read() as txn:
        assert txn.by_number.names([2, 3, 1]) == [str(oid(1)), str(oid(2)), str(oid(3))]
        assert sorted(txn.objects.numbers_of([oid(n).digest for n in (2, 9, 3, 2)])) == [1, 3]
        with pytest.raises(CorruptObject):
            txn.by_number.names([1, 7])


def test_many_are_read_as_one_by_one(index: Index) -> None:
    register(index, 1)
    for number in range(2, 12):
        register(index, number, [1, number - 1] if number > 2 else [1])
    with index.read() as txn:
        numbers = list(txn.by_number.numbers())[::-1]
        assert txn.by_number.identities(numbers) == [txn.by_number.id(n) for n in numbers]
        assert txn.by_number.records([*numbers, 99]) == {
            n: txn.by_number.record(n) for n in numbers
        }
        assert txn.graph.below_each(numbers) == [txn.graph.below(n) for n in numbers]
        by = [n for n in numbers for _ in txn.graph.below(n)]
        below = [other for n in numbers for other in txn.graph.below(n)]
        assert txn.graph.are_told(by, below)
        assert not txn.graph.are_told([*by, 3], [*below, 99])
        for read in (txn.by_number.identities, txn.graph.below_each):
            with pytest.raises(CorruptObject, match="1"):
                read([*numbers, 99])
