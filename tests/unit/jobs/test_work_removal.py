"""A removal that takes long is reported, by the remover and to the listener."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.events import Event, Removed, Removing, Started
from store.jobs import work_removal
from store.jobs.executor import Task
from store.jobs.job import Job
from store.jobs.local_executor import LocalExecutor
from store.jobs.process import Send
from store.jobs.work_removal import remove_stale_work, telling
from store.layout.paths import Layout
from store.local.store import Store
from tests.golden.examples import RESOLVED


def filled(folder: str) -> str:
    """Put three files into a folder."""
    for name in "abc":
        Path(folder, name).write_text(name)
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every removal takes long."""
    monkeypatch.setattr(work_removal, "PATIENCE", 0.0)


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
    executor = LocalExecutor(store, 1, told.append)

    def work(layout: Layout, job: Job, send: Send) -> str:
        filled(job.work_dir)
        if by == "master":  # the worker ends without a removal
            send("result")
            os._exit(0)
        return "result"

    task = Task(
        id=b"key", name="it", kind="build", label="it", key=bytes(32), value=RESOLVED, action=work
    )
    assert executor.submit(task)
    while not executor.idle:
        for _, value in executor.ended(pending=False):
            assert value == "result"
    removals = [event for event in told if not isinstance(event, Started)]
    assert removals == [*(Removing(b"key", "it", files) for files in (1, 2, 3)), Removed(b"key")]
    executor.close()
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
