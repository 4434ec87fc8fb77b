"""What the index knows, and how it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import CorruptObject, InvalidName, StorageError, UnknownObject
from store.index.env import Index
from store.index.tables import Writer, process_start
from store.model.names import ObjectId
from store.model.realisation import Realisation
from tests.golden.examples import DERIVATION, REALISATION, RESOLVED, SOURCE


def oid(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(20, "big"), f"n{number}")


def register(index: Index, number: int, below: Iterable[int] = (), size: int = 0) -> None:
    references = sorted(map(oid, below))
    index.write(lambda txn: txn.register(oid(number), references, False, size))


def add(index: Index, record: Realisation) -> None:
    index.write(lambda txn: txn.add_realisation(record))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.open(str(tmp_path))


GRAPHS = st.lists(st.sets(st.integers(0, 7), max_size=4), min_size=1, max_size=8)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
        assert list(txn.objects()) == [(oid(at), at) for at in edges]
        for at, below in edges.items():
            assert txn.references(oid(at)) == [oid(to) for to in sorted(below)]
            assert txn.closure([oid(at)]) == [oid(to) for to in sorted(reach[at])]
            above = [other for other in edges if at in edges[other]]
            assert txn.referrers(oid(at)) == [oid(other) for other in above]
            over = [other for other in edges if at in reach[other]]
            assert txn.referrers_closure([oid(at)]) == [oid(other) for other in over]
        assert txn.closure([]) == []
    index.close()


def test_a_reference_to_what_is_not_registered_is_refused(index: Index) -> None:
    with pytest.raises(StorageError, match="not in the store"):
        index.write(lambda txn: txn.register(oid(2), [oid(1)], False, 0))
    with index.read() as txn:
        assert not txn.has(oid(2))


def test_registering_twice_is_registering_once(index: Index) -> None:
    index.write(lambda txn: txn.register(oid(1), [], True, 5))
    index.write(lambda txn: txn.register(oid(1), [], True, 5))
    with index.read() as txn:
        record = txn.object(oid(1))
        assert (record.id, record.size, record.refers_to_itself) == (oid(1), 5, True)
        assert len(list(txn.objects())) == 1


def test_what_is_not_registered_is_unknown(index: Index) -> None:
    with index.read() as txn:
        for ask in (txn.object, txn.references, txn.referrers):
            with pytest.raises(UnknownObject):
                ask(oid(1))
        with pytest.raises(UnknownObject):
            txn.closure([oid(1)])
        assert txn.makers(oid(1)) == []


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
        found = txn.realisations(first.key, "out")
        assert sorted(found, key=repr) == sorted([first, second, third], key=repr)
        assert txn.realisations(first.key, "outer") == [other]
        assert txn.realisations(first.key, "ou") == []
        assert txn.realisations(b"k" * 32, "out") == []
        assert sorted(txn.makers(oid(1)), key=repr) == sorted([first, third, other], key=repr)
        assert txn.makers(oid(2)) == [second]


def test_a_realisation_of_an_unknown_object_is_refused(index: Index) -> None:
    with pytest.raises(UnknownObject):
        index.write(lambda txn: txn.add_realisation(REALISATION))
    with index.read() as txn:
        assert txn.realisations(REALISATION.key, "out") == []


def test_nodes_come_back(index: Index) -> None:
    index.write(lambda txn: txn.put_nodes([SOURCE, DERIVATION, RESOLVED]))
    with index.read() as txn:
        assert txn.node(SOURCE.digest) == SOURCE
        assert txn.node(DERIVATION.digest) == DERIVATION
        assert txn.node(RESOLVED.digest) == RESOLVED
        assert txn.node(b"n" * 32) is None


def test_outcomes_are_replaced(index: Index) -> None:
    for key in (b"a" * 32, b"b" * 32):
        index.write(partial(Writer.put_outcomes, outcomes={b"n" * 32: key}))
    with index.read() as txn:
        assert txn.outcome(b"n" * 32) == b"b" * 32
        assert txn.outcome(b"m" * 32) is None


def test_roots_come_back(index: Index) -> None:
    index.write(lambda txn: txn.register(oid(1), [], False, 0))
    index.write(lambda txn: txn.put_root("link:/a b", oid(1), "/a b"))
    index.write(lambda txn: txn.put_root("keep", oid(1)))
    with index.read() as txn:
        assert txn.roots() == {"link:/a b": (oid(1), "/a b"), "keep": (oid(1), "")}


def test_a_root_of_nothing_or_with_too_long_a_name_is_refused(index: Index) -> None:
    with pytest.raises(UnknownObject):
        index.write(lambda txn: txn.put_root("a", oid(1)))
    index.write(lambda txn: txn.register(oid(1), [], False, 0))
    for name in ("", "n" * 512):
        with pytest.raises(InvalidName, match="name of a root"):
            index.write(partial(Writer.put_root, name=name, oid=oid(1)))


def test_leases_name_their_process_and_end(index: Index) -> None:
    token = index.write(lambda txn: txn.put_lease(None, [oid(1)]))
    assert index.write(lambda txn: txn.put_lease(token, [oid(1), oid(2)])) == token
    with index.read() as txn:
        mine = (os.getpid(), process_start(os.getpid()), (oid(1), oid(2)))
        assert txn.leases() == {token: mine}
    index.write(lambda txn: txn.end_lease(token))
    index.write(lambda txn: txn.end_lease(token))
    with index.read() as txn:
        assert txn.leases() == {}


def test_a_process_that_is_gone_has_no_start() -> None:
    assert process_start(os.getpid()) > 0
    assert process_start(2**22 + 1) == 0


def test_verified_sources_are_known_by_hash_and_locator(index: Index) -> None:
    index.write(lambda txn: txn.add_verified_source("ab" * 32, "debian:x" + "y" * 600, 1))
    with index.read() as txn:
        assert txn.verified_source("ab" * 32, "debian:x" + "y" * 600)
        assert not txn.verified_source("ab" * 32, "debian:z")
        assert not txn.verified_source("ac" * 32, "debian:x")


def test_history_keeps_the_newest(index: Index) -> None:
    for number in range(40):
        index.write(partial(Writer.add_history, name="gcc", milliseconds=number))
    with index.read() as txn:
        assert txn.history("gcc") == list(range(25, 40))
        assert txn.history("make") == []


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
        key = b"k" * 32 if table == "nodes" else txn._number(oid(2))
        if value is None:
            txn._txn.delete(key, db=txn._tables[table.encode()])
        else:
            txn._txn.put(key, value, db=txn._tables[table.encode()])

    index.write(damage)
    with index.read() as txn, pytest.raises(CorruptObject, match=table):
        txn.node(b"k" * 32)
        txn.closure([oid(2)])
