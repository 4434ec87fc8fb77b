"""When results are registered: at once, or together with others that come soon."""

from __future__ import annotations

import pytest

from store.jobs.executor import Task
from store.model.result import Result
from store.scheduler.pending_results import LATEST, PendingResults
from tests.golden.examples import RESOLVED

RESULT = Result((), "full", 1, 0.5)


def task(number: int) -> Task:
    return Task(id=b"%d" % number, name="x", kind="build", label="build", key=b"k", value=RESOLVED)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time; to be changed."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_without_results_nothing_is_due() -> None:
    pending = PendingResults()
    assert len(pending) == 0
    assert not pending.due(others=False)


def test_a_result_is_due_at_once_when_all_else_waits_for_it() -> None:
    pending = PendingResults()
    pending.add(task(1), RESULT)
    assert len(pending) == 1
    assert pending.due(others=False)


def test_while_others_work_the_oldest_waits_no_longer_than_it_may(clock: list[float]) -> None:
    pending = PendingResults()
    pending.add(task(1), RESULT)
    clock[0] += LATEST * 0.9
    pending.add(task(2), RESULT)
    assert not pending.due(others=True)
    clock[0] += LATEST * 0.2
    assert pending.due(others=True)
    assert [each.id for each, _ in pending.in_order()] == [b"1", b"2"]
    assert [pending.pop()[0].id for _ in range(2)] == [b"1", b"2"]
    pending.add(task(3), RESULT)
    assert not pending.due(others=True)
