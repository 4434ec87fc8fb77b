"""Another store's index on the makers of objects: it is read, and never believed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import lmdb
import pytest

from store.errors import CorruptObject
from store.index.env import Index
from store.index.foreign import RECORDS_LIMIT, identity, told
from store.index.nodes import KINDS
from store.model.names import ObjectId
from store.model.origin import BUILT
from store.model.realisation import Realisation
from tests.golden.examples import RESOLVED, SOURCE

OBJECT = ObjectId(b"o" * 20, "thing")
RECORD = Realisation(RESOLVED.digest, "out", OBJECT, "anne", "box", "full", None, 5, 1000)
KIND = {kind: tag for tag, kind in KINDS.items()}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The folder of an index that holds nothing."""
    (tmp_path / "index").mkdir()
    Index.open(str(tmp_path / "index")).close()
    return tmp_path / "index"


@contextmanager
def file(index: Path) -> Iterator[int]:
    fd = os.open(index / "data.mdb", os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def put(index: Path, table: bytes, key: bytes, *values: bytes) -> None:
    """Write entries of a key as another program could."""
    env = lmdb.open(str(index), max_dbs=40)
    try:
        with env.begin(write=True) as txn:
            db = env.open_db(table, txn, create=False)
            for value in values:
                txn.put(key, value, db=db)
    finally:
        env.close()


def keep(index: Path, record: Realisation, key: bytes = b"record") -> None:
    put(index, b"realisations", key, record.stored())
    put(index, b"makers", record.object.digest, key)


def records(index: Path, *oids: ObjectId) -> list[Realisation]:
    with file(index) as fd:
        return [each.record for each in told(fd, [oid.digest for oid in oids or (OBJECT,)])]


def test_records_of_the_wanted_objects_come_without_their_origin(index: Path) -> None:
    other = replace(RECORD, object=ObjectId(b"p" * 20, "other"))
    keep(index, RECORD)
    keep(index, other, b"second")
    assert records(index) == [replace(RECORD, origin=BUILT)]
    assert records(index, other.object, OBJECT) == [other, RECORD]
    assert records(index, ObjectId(b"q" * 20, "none")) == []


def test_a_store_is_told_from_others_by_its_identity(index: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    Index.open(str(tmp_path / "second")).close()
    found = set()
    for place in (index, index, tmp_path / "second"):
        with file(place) as fd:
            found.add(identity(fd))
    assert len(found) == 2 and None not in found


def test_a_record_of_another_object_or_no_record_is_passed_over(index: Path) -> None:
    put(index, b"realisations", b"lie", replace(RECORD, object=ObjectId(b"p" * 20, "x")).stored())
    put(index, b"realisations", b"broken", b"no record")
    for key in (b"lie", b"broken", b"missing"):
        put(index, b"makers", OBJECT.digest, key)
    assert records(index) == []
    keep(index, RECORD)
    assert records(index) == [RECORD]


def test_a_node_counts_only_under_its_own_digest(index: Path) -> None:
    keep(index, RECORD)

    def node(data: bytes) -> object:
        put(index, b"nodes", RECORD.key, data)
        with file(index) as fd:
            return told(fd, [OBJECT.digest])[0].node

    assert node(KIND[type(RESOLVED)] + RESOLVED.encode()) == RESOLVED
    assert node(KIND[type(SOURCE)] + SOURCE.encode()) is None  # another node's bytes
    assert node(KIND[type(RESOLVED)] + b"damage") is None
    assert node(b"?" + RESOLVED.encode()) is None
    assert node(b"") is None


def test_an_older_schema_keeps_records_without_an_origin(index: Path) -> None:
    put(index, b"meta", b"schema", b"2")
    put(index, b"realisations", b"record", RECORD.encode())
    put(index, b"makers", OBJECT.digest, b"record")
    assert records(index) == [RECORD]


@pytest.mark.parametrize("schema", [b"1", b"99", b"\xff" * 50, b""])
def test_a_schema_that_is_not_known_here_is_refused(index: Path, schema: bytes) -> None:
    put(index, b"meta", b"schema", schema)
    with pytest.raises(CorruptObject, match="which this program cannot read here") as refused:
        records(index)
    assert len(refused.value.message) < 100


def test_no_more_records_of_an_object_are_read_than_a_bound(index: Path) -> None:
    keys = [b"%08d" % number for number in range(RECORDS_LIMIT + 3)]
    put(index, b"makers", OBJECT.digest, *keys)
    for key in keys[-5:]:
        put(index, b"realisations", key, replace(RECORD, started=int(key)).stored())
    last = RECORDS_LIMIT - 1
    assert [each.started for each in records(index)] == [last - 1, last]


@pytest.mark.parametrize("content", [b"", b"no index" * 2000])
def test_a_file_that_is_no_index_is_refused(index: Path, content: bytes) -> None:
    (index / "data.mdb").write_bytes(content)
    with file(index) as fd:
        for ask in (identity, lambda fd: told(fd, [OBJECT.digest])):
            with pytest.raises(CorruptObject, match="damaged"):
                ask(fd)


def test_reading_writes_nothing(index: Path) -> None:
    keep(index, RECORD)
    before = {path.name: path.read_bytes() for path in index.iterdir() if path.is_file()}
    records(index)
    assert {p.name: p.read_bytes() for p in index.iterdir() if p.is_file()} == before
