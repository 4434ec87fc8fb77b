"""Parts that no fetch holds are collected; those that are held, or still wanted, stay."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.gc.collector import Collector
from store.gc.downloads import WEEK, abandoned
from store.gc.policy import Policy
from store.local.store import Store
from store.usage.statistics import statistics

PART = f"{'0' * 64}.part"


@pytest.fixture
def partial(store: Store) -> Path:
    return Path(store.layout.partial)


@pytest.fixture
def bad(store: Store) -> Path:
    return Path(store.layout.bad)


def put(path: Path, *, age: float = 0.0, size: int = 1 << 16) -> Path:
    path.write_bytes(os.urandom(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    then = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: then)


def test_a_part_that_nobody_holds_is_removed(store: Store, partial: Path) -> None:
    part = put(partial / PART)
    collector = Collector(store)
    collector.collect(Policy())
    assert not part.exists()
    assert collector.outcome.downloads == 1
    assert collector.outcome.freed >= 1 << 16


def test_a_part_that_a_fetch_holds_stays(store: Store, partial: Path) -> None:
    part = put(partial / PART, age=2 * WEEK)
    held = os.open(part, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    Collector(store).collect(Policy())
    assert part.exists()
    os.close(held)
    Collector(store).collect(Policy())
    assert not part.exists()


def test_a_part_that_is_taken_up_meanwhile_stays(store: Store, partial: Path) -> None:
    part = put(partial / PART)
    [download] = abandoned(store.layout, Policy())
    held = os.open(part, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert download.remove() == 0
    os.close(held)
    part.rename(partial / "finished")
    assert download.remove() == 0
    assert (partial / "finished").exists()


def test_files_that_are_looked_at_or_taken_in_have_their_time(
    store: Store, partial: Path, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(partial / f"{'0' * 64}-0123456789ab")
    put(bad / "wrong")
    assert abandoned(store.layout, Policy()) == []
    assert len(abandoned(store.layout, Policy(older_than=0.0))) == 2
    pass_time(monkeypatch, 3700)
    assert [item.folder for item in abandoned(store.layout, Policy())] == [str(partial)]
    pass_time(monkeypatch, WEEK)
    assert len(abandoned(store.layout, Policy())) == 2
    assert abandoned(store.layout, Policy(older_than=3 * WEEK)) == []


def test_with_a_bound_the_oldest_go_first_and_no_more(store: Store, partial: Path) -> None:
    old = put(partial / PART.replace("0", "1"))
    time.sleep(0.02)
    new = put(partial / PART)
    Collector(store).collect(Policy(max_freed=1))
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc", path)])
def test_what_is_no_part_is_removed_in_time_and_not_followed(
    store: Store,
    partial: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
) -> None:
    make(partial / PART)
    Collector(store).collect(Policy())
    assert os.path.lexists(partial / PART)
    pass_time(monkeypatch, 3700)
    for download in abandoned(store.layout, Policy()):
        download.remove()
    assert not os.path.lexists(partial / PART)
    assert os.path.isdir("/etc")


def test_another_user_has_statistics_without_what_is_the_owners_alone(
    store: Store, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(partial / PART)
    real = os.listdir

    def listdir(path: str = ".") -> list[str]:
        if path == str(partial):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert statistics(store).piles["partial"].entries == 0


@pytest.mark.parametrize("folder", [".", "index", "profiles"])
def test_unfinished_files_of_killed_processes_go(store: Store, folder: str) -> None:
    path = Path(store.layout.root, folder, ".new-1-0123abcd")
    path.parent.mkdir(exist_ok=True)
    put(path)
    Collector(store).collect(Policy())
    assert path.exists()  # its writer may be elsewhere
    put(path, age=2 * 3600.0)
    Collector(store).collect(Policy())
    assert not path.exists()
