"""A damaged index says so: whatever stands in a table, reading it raises errors of the store's own.

A value that is whole for its table may also be taken for what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import CorruptObject, UnknownObject
from store.index.reading import Reader
from store.index.schema import TABLES, RootColumns
from store.local.store import Store
from store.model.names import ObjectId, object_name
from store.model.result import Made, Result
from store.objects.ingest import ingest
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE

KEYS = (DERIVATION.digest, RESOLVED.digest, SOURCE.digest)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with something in its tables."""
    made = Store.open(str(tmp_path_factory.mktemp("index") / "root"))
    path = Path(made.layout.tmp) / "made"
    outputs: list[Made] = []
    for output in ("out", "doc"):
        path.write_text(output)
        manifest = ingest(made.layout.root, str(path), object_name(RESOLVED.name, output))
        below = tuple(other.id for other in outputs)
        outputs.append(Made(output, manifest.id, below, False, manifest.size))
    made.realisations.record_nodes(SOURCE, DERIVATION, RESOLVED)
    result = Result(tuple(outputs), "full", 1, 1.5)
    made.realisations.register(DERIVATION.digest, RESOLVED.digest, RESOLVED, result)
    manifest = ingest(made.layout.root, str(path), SOURCE.name)
    file = Made("out", manifest.id, (), False, manifest.size)
    fetched = Result((file,), "fetch", 1, 1, locator="a:b")
    made.realisations.register(SOURCE.digest, SOURCE.digest, SOURCE, fetched)
    made.roots.add("kept", outputs[0].id)
    made.leases.note_used([outputs[0].id])
    made.index.write(lambda txn: txn.times.note_verified([outputs[0].id]))
    with made.leases.begin() as lease:
        lease.add([outputs[0].id])
        yield made
    made.close()


def readings(oids: list[ObjectId]) -> list[Callable[[Reader], object]]:
    """All ways of reading."""
    found: list[Callable[[Reader], object]] = [
        lambda txn: [txn.by_number.record(number) for number in txn.by_number.numbers()],
        lambda txn: [txn.by_number.size(number) for number in txn.by_number.numbers()],
        lambda txn: [txn.times.last_used(number) for number in txn.by_number.numbers()],
        lambda txn: [txn.times.last_verified(number) for number in txn.by_number.numbers()],
        lambda txn: list(txn.objects.all()),
        lambda txn: txn.objects.beginning(bytes(20), b"\xff" * 20),
        lambda txn: txn.by_number.ids(txn.by_number.numbers()),
        lambda txn: txn.graph.spread(
            txn.by_number.numbers(), bytearray(txn.by_number.next_number())
        ),
        lambda txn: [txn.nodes.get(key) for key in KEYS],
        lambda txn: [txn.realisations.of(key, "out") for key in KEYS],
        lambda txn: list(txn.realisations.all()),
        lambda txn: txn.roots.all(),
        lambda txn: RootColumns.unpack([data for _, data in txn.roots.values()]),
        lambda txn: txn.leases.all(),
        lambda txn: txn.journal.since(0),
        lambda txn: txn.history.of(RESOLVED.name),
    ]
    for oid in oids:
        found += [
            lambda txn, oid=oid: txn.objects.record(oid),  # type: ignore[misc]
            lambda txn, oid=oid: txn.graph.closure([oid]),  # type: ignore[misc]
            lambda txn, oid=oid: txn.graph.referrers_closure([oid]),  # type: ignore[misc]
            lambda txn, oid=oid: txn.realisations.makers(oid),  # type: ignore[misc]
        ]
    return found


Entry = tuple[bytes, bytes, bytes | None]
"""A table, a key and a value; None where there is none."""


def entries(store: Store) -> list[Entry]:
    """All that there is, but for the schema's version."""
    env: Any = store.index._env
    found: list[Entry] = []
    with env.begin() as txn:
        for table in TABLES:
            with txn.cursor(db=store.index._tables[table]) as cursor:
                found += [(table, bytes(key), bytes(value)) for key, value in cursor]
    return [entry for entry in found if entry[:2] != (b"meta", b"schema")]


def exchange(store: Store, entry: Entry, value: bytes | None) -> Entry:
    """Put another value in an entry's place, or none; returns the value that is there now."""
    table, key, before = entry
    env: Any = store.index._env
    with env.begin(write=True) as txn:
        handle = store.index._tables[table]
        if before is not None:
            txn.delete(key, before, db=handle)
        if value is not None:
            txn.put(key, value, db=handle)
    return table, key, value


@settings(
    max_examples=250,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_damaged_value_is_a_corrupt_object(store: Store, data: st.DataObject) -> None:
    oids = [ObjectId.parse(path.name) for path in Path(store.layout.objects).iterdir()]
    entry = data.draw(st.sampled_from(entries(store)), "entry")
    table, _, before = entry
    assert before is not None
    cut = st.integers(0, len(before)).map(lambda end: before[:end])
    flipped = st.integers(0, max(len(before) - 1, 0)).map(
        lambda at: before[:at] + bytes([before[at] ^ 0x41]) + before[at + 1 :] if before else b"?"
    )
    # A table of numbers of fixed size takes no others; LMDB itself sees to that.
    fixed = TABLES[table].get("dupfixed")
    any_value = st.binary(max_size=60) | cut | flipped
    if TABLES[table].get("dupsort"):
        any_value = any_value.filter(bool)  # several values of a key are keys in turn
    fresh = st.none() | (st.binary(min_size=4, max_size=4) if fixed else any_value)
    damaged = exchange(store, entry, data.draw(fresh, "value"))
    try:
        for number, reading in enumerate(readings(oids)):
            try:
                with store.index.read() as txn:
                    reading(txn)
            except (CorruptObject, UnknownObject):
                pass
            except Exception as error:
                raise AssertionError(f"reading {number} raised {error!r}") from error
    finally:
        exchange(store, damaged, before)


def test_an_undamaged_one_can_be_read_in_all_ways(store: Store) -> None:
    oids = [ObjectId.parse(path.name) for path in Path(store.layout.objects).iterdir()]
    assert len(oids) == 3
    for reading in readings(oids):
        with store.index.read() as txn:
            reading(txn)
