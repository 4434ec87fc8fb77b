"""Workers side by side: what they are lent, and what is told of waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from store.events import Event, Queued
from store.jobs import executor as crew
from store.jobs.executor import Crew, Shift
from store.jobs.job import Job
from store.jobs.process import Worker
from store.jobs.tokens import Lending, TokenPool
from store.local.store import Store

Hire = Callable[[int], Crew[Shift]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store."""
    opened = Store.open(str(tmp_path / "root"))
    yield opened
    opened.close()


@pytest.fixture
def told() -> list[Event]:
    """What the crews told."""
    return []


@pytest.fixture
def hire(store: Store, told: list[Event]) -> Iterator[Hire]:
    """Makes crews of so many tokens."""
    crews: list[Crew[Shift]] = []

    def make(cores: int) -> Crew[Shift]:
        crews.append(Crew(store, cores, told.append))
        return crews[-1]

    yield make
    for each in crews:
        each.pool.close()


def others(store: Store, tokens: int) -> TokenPool:
    """The pool of another process, which has so many tokens."""
    pool = TokenPool(f"{store.layout.locks}/tokens", tokens)
    while pool.take():
        pass
    return pool


def test_a_wait_for_others_is_told_once_and_so_is_its_end(
    store: Store, hire: Hire, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 0.1)
    taken, waiting = others(store, 2), hire(2)
    waiting.balance(True)
    assert told == [], "it may be over in a moment"
    time.sleep(0.1)
    for _ in range(2):
        waiting.balance(True)
    assert told == [Queued(2)]
    taken.close()
    assert waiting.pool.take()
    for _ in range(2):
        waiting.balance(False)
    assert told == [Queued(2), Queued(0)]


def test_who_has_a_job_under_way_is_not_said_to_wait(
    store: Store, hire: Hire, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 0.0)
    waiting = hire(1)
    assert waiting.pool.take()
    for _ in range(2):
        waiting.balance(True)
    assert told == []


def test_a_token_that_make_would_take_again_at_once_is_taken_back_for_who_waits(
    store: Store, hire: Hire
) -> None:
    lender, lending = hire(2), Lending()
    assert lender.pool.take()
    silent, never = os.pipe()
    worker = Worker("a build", lambda send: os.read(silent, 1), lambda send: None)
    lender.shifts.append(Shift(job=cast(Job, None), worker=worker, lending=lending))
    lender.balance(False)
    assert os.read(lending.pipe[0], 1) == b"+"
    waiting = hire(2)
    waiting.balance(True)
    lender.balance(False)
    left: list[int] = []

    def make() -> None:
        time.sleep(crew.TICK / 4)
        os.write(lending.pipe[1], b"+")
        time.sleep(crew.TICK / 4)
        left.append(lending.idle)

    thread = threading.Thread(target=make)
    thread.start()
    assert list(lender.listen(False)) == []
    thread.join()
    assert left == [0]
    assert waiting.pool.take()
    os.write(never, b"x")
    worker.kill()
