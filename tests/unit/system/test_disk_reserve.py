"""The space that a copy may take of the disk."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.job_errors import DiskReserve
from store.system.disk_reserve import STEP, DiskReserveCheck

MIB = 1 << 20


def test_the_disk_is_looked_at_again_while_others_fill_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def disk(_: int) -> SimpleNamespace:
        looks.append(1)
        return SimpleNamespace(f_bavail=(1000 - 300 * len(looks)) * MIB, f_frsize=1)

    monkeypatch.setattr(os, "fstatvfs", disk)
    room = DiskReserveCheck(0, 50 * MIB)
    for _ in range(1 + STEP // MIB):
        room.take(MIB, str)
    assert len(looks) == 1
    room.take(MIB, str)
    assert len(looks) == 2
    with pytest.raises(DiskReserve, match=r"50\.0 MiB"):
        room.take(STEP + 1, str)


def test_without_a_reserve_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fstatvfs")
    DiskReserveCheck(0, 0).take(1 << 62, str)


def test_a_small_reserve_is_told_in_a_unit_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=1))
    with pytest.raises(DiskReserve, match=r"less than 614\.0 KiB of disk"):
        DiskReserveCheck(0, 614 << 10).take(1, str)
