"""The table of SHA-256: kept, lacking, damaged, and grown."""

from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from store.index.sha256_table import Sha256Table


def pairs(count: int) -> dict[bytes, bytes]:
    return {b"%32d" % number: b"%32x" % number for number in range(count)}


def test_what_was_noted_is_found(tmp_path: Path) -> None:
    table = Sha256Table(str(tmp_path))
    assert table.find([b"k" * 32]) == {}
    assert [*tmp_path.iterdir()] == []
    table.note({})
    table.note(pairs(10))
    table.note(pairs(20))
    assert Sha256Table(str(tmp_path)).find([*pairs(20), b"k" * 32]) == pairs(20)
    table.clear()
    assert table.find(pairs(20)) == {}


def test_a_damaged_table_is_thrown_away(tmp_path: Path) -> None:
    table = Sha256Table(str(tmp_path))
    (tmp_path / "sha256.mdb").write_bytes(b"no table" * 1000)
    assert table.find(pairs(1)) == {}
    table.note(pairs(1))
    assert table.find(pairs(1)) == pairs(1)


def test_a_value_of_another_size_does_not_count(tmp_path: Path) -> None:
    table = Sha256Table(str(tmp_path))
    table.note(pairs(1))
    with lmdb.open(str(tmp_path / "sha256.mdb"), subdir=False) as env, env.begin(write=True) as txn:
        txn.put(b"k" * 32, b"short")
    assert table.find([*pairs(1), b"k" * 32]) == pairs(1)


@pytest.mark.slow
def test_it_grows(tmp_path: Path) -> None:
    table = Sha256Table(str(tmp_path))
    table.note(pairs(300_000))
    assert len(table.find(pairs(300_000))) == 300_000
