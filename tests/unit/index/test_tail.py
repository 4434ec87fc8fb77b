"""An index whose file ends before the last page that LMDB counts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lmdb
import pytest

from store.errors import CorruptObject
from store.index import reserve, tail
from store.index.env import Index


def cut_without_loss(path: Path) -> int:
    """An index that is sound, and lacks so many bytes at its end."""
    Index.open(str(path)).close()
    env: Any = lmdb.open(str(path), max_dbs=64, map_size=256 << 20)
    table = env.open_db(b"history", create=False)
    keys = [b"%08d" % number for number in range(2000)]
    with env.begin(write=True, db=table) as txn:
        for key in keys:
            txn.put(key, bytes(1500))
    for start in range(3):  # holes that are free, and none of them large
        with env.begin(write=True, db=table) as txn:
            for key in keys[start::7]:
                txn.delete(key)
    with env.begin(write=True, db=table) as txn:
        txn.put(b"kept", b"kept")
        txn.put(b"large", bytes(4_000_000))
        txn.delete(b"large")
    found = tail.lacking(env, f"{path}/data.mdb")
    env.close()
    return found


def test_what_lacks_pages_of_no_use_is_opened_and_lacks_them_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cut_without_loss(tmp_path) > 1_000_000
    Index.open(str(tmp_path)).close()
    monkeypatch.setattr(tail, "check", None)  # not asked again
    index = Index.open(str(tmp_path))
    assert tail.lacking(index._env, f"{tmp_path}/data.mdb") == 0
    with index._env.begin() as txn:
        assert txn.get(b"kept", db=index._tables[b"history"]) == b"kept"
    index.close()


def test_who_may_only_read_it_opens_it_and_leaves_it_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_without_loss(tmp_path)
    size = os.stat(tmp_path / "data.mdb").st_size
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    Index.open(str(tmp_path)).close()
    assert os.stat(tmp_path / "data.mdb").st_size == size


def test_on_a_full_disk_it_is_opened_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_without_loss(tmp_path)

    def refuse(fd: int, offset: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    monkeypatch.setattr(reserve, "fits", lambda path, size: True)
    Index.open(str(tmp_path)).close()


def test_what_lacks_pages_that_are_in_use_is_refused_each_time(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut_without_loss(tmp_path)
    os.truncate(tmp_path / "data.mdb", os.stat(tmp_path / "data.mdb").st_size // 2)
    for _ in range(2):
        with pytest.raises(CorruptObject, match="cut short"):
            Index.open(str(tmp_path))
    assert capfd.readouterr() == ("", "")
