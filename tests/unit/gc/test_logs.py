"""Logs of nothing alive are collected; those of running builds stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from store.cli.dry_run import show_plan
from store.gc.collector import Collector
from store.gc.logs import removable
from store.gc.policy import LOGS_OLDER_THAN, Policy
from store.gc.settings import parse
from store.model.derivation import Resolved
from store.model.result import Made, Result
from store.system.locks import position
from tests.unit.gc.conftest import Stock

OLD = LOGS_OLDER_THAN + 60
SIZE = 1 << 16


def write_log(stock: Stock, key: bytes, age: float = 0.0) -> Path:
    path = Path(stock.store.start_log(key))
    path.write_bytes(os.urandom(SIZE))
    os.utime(path, (time.time() - age,) * 2)
    return path


def build(stock: Stock, name: str, age: float = 0.0) -> Path:
    """The log of a build that made the object ``name``."""
    oid, key = stock.make(name), os.urandom(32)
    resolved = Resolved(name, "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
    result = Result((Made("out", oid, (), False, 100),), "full", 1, 1.0)
    stock.store.realisations.register(key, key, resolved, result)
    return write_log(stock, key, age)


def keep(stock: Stock, name: str) -> None:
    stock.store.roots.add(name, stock.oids[name])


def test_an_old_log_of_nothing_alive_goes_and_others_stay(stock: Stock) -> None:
    dead, young = write_log(stock, os.urandom(32), OLD), write_log(stock, os.urandom(32))
    alive = build(stock, "alive", OLD)
    keep(stock, "alive")
    collector = Collector(stock.store)
    collector.collect(Policy())
    assert [path.exists() for path in (dead, young, alive)] == [False, True, True]
    assert collector.outcome.logs == 1
    assert collector.outcome.freed >= SIZE


def test_the_log_of_an_object_that_went_is_dead(stock: Stock) -> None:
    log = build(stock, "gone", OLD)
    Collector(stock.store).collect(Policy())
    assert log.exists(), "it was alive when the run began"
    Collector(stock.store).collect(Policy())
    assert not log.exists()


def test_the_log_of_a_running_build_is_never_taken(stock: Stock) -> None:
    key = os.urandom(32)
    log = write_log(stock, key, OLD)
    lock = stock.store.try_lock(position(key))
    assert lock is not None
    Collector(stock.store).collect(Policy(logs_size=0, older_than=1))
    assert log.exists()
    lock.release()
    Collector(stock.store).collect(Policy(logs_size=0))
    assert not log.exists()


def test_beyond_the_bound_the_dead_go_first_and_the_oldest(stock: Stock) -> None:
    alive = [build(stock, name, age) for name, age in (("a", 300.0), ("b", 200.0))]
    dead = [write_log(stock, os.urandom(32), age) for age in (20.0, 10.0)]
    keys = [log.key.hex() for log in removable(stock.store, Policy(logs_size=SIZE))]
    assert keys == [path.name for path in (*dead, alive[0])]


def test_a_full_disk_takes_dead_logs_of_any_age_and_before_objects(stock: Stock) -> None:
    log = write_log(stock, os.urandom(32))
    stock.make("object")
    free = stock.store.disk.free_bytes()
    Collector(stock.store).collect(Policy(max_freed=SIZE, keep_free=2 * free))
    assert not log.exists()
    assert stock.there() == {"object"}


def test_a_log_that_was_begun_anew_is_another(stock: Stock) -> None:
    key = os.urandom(32)
    write_log(stock, key, OLD)
    (log,) = removable(stock.store, Policy())
    held = os.open(stock.store.layout.log(key), os.O_RDONLY)  # its inode is not given out again
    path = write_log(stock, key)
    assert log.remove(stock.store) == 0
    assert path.exists()
    os.close(held)


def test_what_is_no_log_is_left_alone(stock: Stock, tmp_path: Path) -> None:
    logs = Path(stock.store.layout.logs)
    (logs / "notes").write_text("mine")
    (logs / ("a" * 64)).mkdir()
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (logs / ("b" * 64)).symlink_to(victim)
    os.mkfifo(logs / ("c" * 64))
    Collector(stock.store).collect(Policy(older_than=0.001))
    time.sleep(0.01)
    Collector(stock.store).collect(Policy(older_than=0.001))
    assert sorted(path.name[:5] for path in logs.iterdir()) == ["aaaaa", "notes"]
    assert victim.read_text() == "kept"


def test_a_folder_of_logs_elsewhere_is_not_followed(stock: Stock, tmp_path: Path) -> None:
    logs = Path(stock.store.layout.logs)
    logs.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ("d" * 64)).write_text("kept")
    logs.symlink_to(elsewhere)
    Collector(stock.store).collect(Policy(logs_size=0))
    assert (elsewhere / ("d" * 64)).exists()


def test_a_dry_run_shows_them(stock: Stock, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(stock, os.urandom(32), OLD)
    show_plan(stock.store, Policy(), as_json=False)
    assert "1 log would be removed, which frees 64.0 KiB" in capsys.readouterr().out
    assert log.exists()


def test_the_settings_name_both_bounds() -> None:
    policy = parse(b'[collect]\nlogs-older-than = "2d"\nlogs-size = "1K"').policy()
    assert (policy.logs_older_than, policy.logs_size) == (2 * 86400.0, 1024)
    with pytest.raises(ValueError, match="logs-size"):
        parse(b"[collect]\nlogs-size = -1")


def test_a_log_that_a_wrong_clock_dated_ahead_does_not_stay(stock: Stock) -> None:
    ahead, before = write_log(stock, os.urandom(32), -2 * OLD), write_log(stock, os.urandom(32))
    os.utime(before, (-(2**30), -(2**30)))
    Collector(stock.store).collect(Policy())
    assert [path.exists() for path in (ahead, before)] == [False, False]
