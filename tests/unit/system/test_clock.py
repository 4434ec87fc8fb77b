"""A clock may say anything; records are written and read all the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from store.gc.collector import Collector
from store.gc.policy import Policy
from store.local.store import Store
from store.recovery.recover import rebuild
from store.system.clock import LAST, SKEW, age, unix_seconds

WRONG = [-(2.0**40), -1.0, 0.0, 2.0**31, 2.0**32, 2.0**36, 253402300800.0]


@pytest.mark.parametrize("clock", WRONG)
def test_the_time_is_one_that_records_can_hold(
    monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    monkeypatch.setattr(time, "time", lambda: clock)
    assert unix_seconds() == min(max(clock, 1), LAST)


@pytest.mark.parametrize("clock", WRONG)
def test_a_store_works_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    monkeypatch.setattr(time, "time", lambda: clock)
    monkeypatch.setattr(time, "time_ns", lambda: int(clock * 1e9))
    store = Store.open(str(tmp_path / "root"))
    oid = store.objects.add(str(file), "file")
    store.roots.add("kept", oid)
    store.leases.note_used([oid])
    store.index.write(lambda txn: txn.times.note_verified([oid]))
    Collector(store).collect(Policy(older_than=86400.0))
    assert store.objects.present(oid)
    store.close()
    rebuild(store.layout)
    monkeypatch.undo()
    again = Store.open(store.layout.root)
    assert [root.name for root in again.roots.all()] == ["kept"]
    Collector(again).collect(Policy(older_than=86400.0))
    assert again.objects.present(oid)


def test_a_time_ahead_is_of_no_age_that_would_keep_anything() -> None:
    assert age(-5.0, 100.0) == 105.0
    assert age(100.0 + SKEW, 100.0) == -SKEW
    assert age(101.0 + SKEW, 100.0) > 10**12
