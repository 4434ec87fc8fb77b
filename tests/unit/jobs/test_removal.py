"""A removal that takes long is told of, by who removes and by who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store.events import Event, Removed, Removing
from store.jobs import removal
from store.jobs.executor import Crew, Shift
from store.jobs.job import Job
from store.jobs.lower import Limits
from store.jobs.process import Worker
from store.jobs.removal import remove_stale_work, remove_work, telling
from store.local.store import Store
from store.model.derivation import Source

SOURCE = Source("it", "0" * 64, ("file:///it",))


def filled(folder: str) -> str:
    """Put three files into a folder."""
    for name in "abc":
        Path(folder, name).write_text(name)
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every removal takes long."""
    monkeypatch.setattr(removal, "PATIENCE", 0.0)


def test_a_short_removal_is_not_told() -> None:
    told: list[object] = []
    watch = telling(b"key", "it", told.append)
    for files in range(3):
        watch(files)
    assert told == []


def test_nobody_who_listens_ends_no_removal(impatient: None) -> None:
    def closed(event: object) -> None:
        raise BrokenPipeError

    telling(b"key", "it", closed)(1)


@pytest.mark.parametrize("by", ["worker", "master"])
def test_a_long_removal_is_told_until_it_is_over(tmp_path: Path, by: str, impatient: None) -> None:
    store = Store.open(str(tmp_path / "root"))
    told: list[Event] = []
    crew: Crew[Shift] = Crew(store, 1, told.append)
    job = Job(b"key", b"", SOURCE, filled(store.make_work()), (), Limits(1))
    finish: Callable[..., None] = (
        (lambda send: remove_work(job, send)) if by == "worker" else lambda send: None
    )
    crew.shifts.append(
        Shift(job=job, worker=Worker("it", lambda send: "result", finish), charged=False)
    )
    while crew.shifts:
        for shift, message in crew.listen(False):
            assert message == "result"
            crew.end(shift)
    assert told == [*(Removing(b"key", "it", files) for files in (1, 2, 3)), Removed(b"key")]
    crew.close()
    store.close()


def test_what_an_earlier_run_left_is_told_of_too(tmp_path: Path, impatient: None) -> None:
    store = Store.open(str(tmp_path / "root"))
    told: list[Event] = []
    remove_stale_work(store, told.append)
    assert told == []
    left = Path(store.layout.tmp, "work-left")
    left.mkdir()
    filled(str(left))
    remove_stale_work(store, told.append)
    assert [type(event) for event in told] == [Removing, Removing, Removing, Removed]
    assert not left.exists()
    store.close()
