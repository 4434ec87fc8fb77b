"""The reserve of the disk for the collector."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.index import reserve
from store.index.env import Index
from tests.unit.index.test_env import count, register


@pytest.fixture(autouse=True)
def small_reserve() -> None:
    """The reserve is the usual one."""


def disk(monkeypatch: pytest.MonkeyPatch, whole: int, free: int) -> None:
    shown = SimpleNamespace(
        f_files=0, f_favail=0, f_blocks=whole >> 12, f_frsize=4096, f_bavail=free >> 12
    )
    monkeypatch.setattr(os, "statvfs", lambda _: shown)


def test_it_is_set_aside_when_an_index_is_opened(tmp_path: Path) -> None:
    Index.open(str(tmp_path)).close()
    found = (tmp_path / "reserve").stat()
    assert 0 < found.st_size <= reserve.MOST
    assert found.st_blocks * 512 >= found.st_size


@pytest.mark.parametrize(
    ("whole", "free", "size"),
    [(64 << 20, 32 << 20, 1 << 20), (1 << 40, 1 << 40, reserve.MOST), (64 << 20, 3 << 20, None)],
)
def test_a_small_disk_keeps_little_and_a_full_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: int, free: int, size: int | None
) -> None:
    disk(monkeypatch, whole, free)
    reserve.keep(str(tmp_path))
    path = tmp_path / "reserve"
    assert (path.stat().st_size if path.exists() else None) == size


def test_it_is_given_to_the_index_on_a_full_disk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.open(str(tmp_path))
    index.write(register(1, 100))
    index.close()
    before = (tmp_path / "data.mdb").stat().st_size
    assert not reserve.spend(str(tmp_path))
    disk(monkeypatch, 64 << 20, 0)
    assert reserve.spend(str(tmp_path))
    assert not reserve.spend(str(tmp_path))
    assert (tmp_path / "data.mdb").stat().st_size > before
    index = Index.open(str(tmp_path), spending=True)
    assert not (tmp_path / "reserve").exists()
    index.write(register(200, 300))
    assert count(index) == 99 + 100
    monkeypatch.undo()
    index.keep_reserve()
    assert (tmp_path / "reserve").exists()
