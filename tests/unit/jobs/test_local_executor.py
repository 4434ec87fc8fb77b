"""Tasks side by side: their tokens, the reports of waiting, and how each ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from store.errors import Interrupted, StoreError
from store.events import Event, Phase, Queued, Started
from store.job_errors import BuildTimeout
from store.jobs import local_executor as module
from store.jobs.executor import Executor, Task, TaskWork, run
from store.jobs.job import Job
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import BuildLimits
from store.jobs.process import Send
from store.jobs.tokens import TokenPool
from store.jobs.watch import Copied
from store.layout.paths import Layout
from store.local.store import Store
from tests.golden.examples import RESOLVED

Made = Callable[[int], LocalExecutor]


@pytest.fixture
def told() -> list[Event]:
    """The events of all executors."""
    return []


@pytest.fixture
def executor(store: Store, told: list[Event]) -> Iterator[Made]:
    """Makes executors of so many tokens."""
    made: list[LocalExecutor] = []

    def make(cores: int) -> LocalExecutor:
        made.append(LocalExecutor(store, cores, told.append))
        return made[-1]

    yield make
    for each in made:
        each.close()


def task(
    work: TaskWork, number: int = 1, *, kind: str = "build", limits: BuildLimits | None = None
) -> Task:
    """A task that does this in the place of a build."""
    return Task(
        id=b"task %d" % number,
        name=f"task-{number}",
        kind=kind,
        label="rebuild",
        key=bytes(32),
        value=RESOLVED,
        limits=limits or BuildLimits(1),
        action=work,
    )


def sleep(layout: Layout, job: Job, send: Send) -> object:
    """Go on until it is ended."""
    time.sleep(60)
    return None


def until(executor: LocalExecutor, count: int = 1) -> list[object]:
    """How so many tasks ended."""
    found: list[object] = []
    while len(found) < count:
        found += [value for _, value in executor.ended(pending=False)]
    return found


def others(store: Store, tokens: int) -> TokenPool:
    """The pool of another process, which has so many tokens."""
    pool = TokenPool(f"{store.layout.locks}/tokens", tokens)
    while pool.take():
        pass
    return pool


def look(executor: LocalExecutor, *, pending: bool = False) -> None:
    """One round in which no task ends."""
    assert list(executor.ended(pending=pending)) == []


def test_a_wait_for_others_is_reported_once_and_so_is_its_end(
    store: Store, executor: Made, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.15)
    taken, waiting = others(store, 2), executor(2)
    assert not waiting.submit(task(sleep))
    look(waiting, pending=True)
    assert told == [], "it may be over in a moment"
    for _ in range(8):  # the first are short
        assert not waiting.submit(task(sleep))
        look(waiting, pending=True)
    assert told == [Queued(2)]
    taken.close()
    assert waiting.submit(task(sleep))
    for _ in range(2):
        look(waiting)
    assert [event for event in told if not isinstance(event, Started)] == [Queued(2), Queued(0)]


def test_who_has_a_task_under_way_is_not_said_to_wait(
    executor: Made, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    waiting = executor(1)
    assert waiting.submit(task(sleep))
    for _ in range(2):
        assert not waiting.submit(task(sleep, 2))
        look(waiting, pending=True)
    assert not any(isinstance(event, Queued) for event in told)


def test_a_task_ends_with_its_value_or_its_error(executor: Made, told: list[Event]) -> None:
    def succeed(layout: Layout, job: Job, send: Send) -> object:
        send(Phase(b"of the worker's", "anything", "ingest"))
        return job.key

    def fail(layout: Layout, job: Job, send: Send) -> object:
        raise StoreError("it fails")

    both = executor(2)
    assert both.submit(task(succeed)) and both.submit(task(fail, 2))
    error, value = sorted(until(both, 2), key=str, reverse=True)
    assert value == bytes(32) or error == bytes(32)
    assert "it fails" in {str(value), str(error)}
    assert Phase(b"task 1", "task-1", "ingest") in told
    while not both.idle:
        look(both)
    assert both.active == []


def test_a_dead_worker_is_an_error_and_its_token_comes_back(executor: Made) -> None:
    def die(layout: Layout, job: Job, send: Send) -> object:
        os._exit(3)

    one = executor(1)
    for number in (1, 2):
        assert one.submit(task(die, number))
        (error,) = until(one)
        assert isinstance(error, StoreError)
        assert "died" in str(error)
        while not one.idle:
            look(one)


def test_a_task_past_its_bounds_ends_with_that(
    executor: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.jobs.watch.GRACE", 0.0)
    one = executor(1)
    assert one.submit(task(sleep, limits=BuildLimits(1, timeout=0.2)))
    (error,) = until(one)
    assert isinstance(error, BuildTimeout)
    assert one.idle


def test_a_cancelled_task_leaves_nothing(store: Store, executor: Made) -> None:
    one, endless = executor(1), task(sleep)
    assert one.submit(endless)
    one.cancel(endless)
    assert one.idle and one.active == []
    assert [name for name in os.listdir(store.layout.tmp) if name.startswith("build-")] == []
    assert one.submit(task(sleep, 2)), "its token is free"


def test_a_wait_for_the_disk_takes_no_token(store: Store, executor: Made) -> None:
    def wait(layout: Layout, job: Job, send: Send) -> object:
        send(Copied())
        return sleep(layout, job, send)

    one, waiting = executor(1), task(wait)
    assert one.submit(waiting)
    assert one.settling == []
    while not one.settling:
        assert not one.submit(task(sleep, 2))
        look(one)
    assert one.settling == one.active == [waiting]
    assert one.submit(task(sleep, 2))
    one.cancel(waiting)
    assert not one.submit(task(sleep, 3)), "it gave back no token but its own"


def test_a_task_with_so_many_cores_has_that_many_tokens(executor: Made) -> None:
    def count(layout: Layout, job: Job, send: Send) -> object:
        assert job.jobserver is not None
        return os.read(job.jobserver[0], 10)

    one = executor(1)
    plain = task(count)
    fixed = Task(**{**vars(plain), "cores": 3})
    assert one.submit(fixed)
    assert until(one) == [b"++"]


class _Two:
    """A source of two tasks; the second comes when the first has ended."""

    def __init__(self, work: TaskWork) -> None:
        self._left = [task(work, 2), task(work, 1)]
        self.taken: list[tuple[str, object]] = []

    @property
    def pending(self) -> bool:
        return bool(self._left)

    def submit_ready(self, executor: Executor) -> None:
        if not executor.active and self._left and executor.submit(self._left[-1]):
            self._left.pop()

    def take(self, executor: Executor, task: Task, value: object) -> None:
        self.taken.append((task.name, value))
        if value == "interrupt":
            raise KeyboardInterrupt

    def interrupted(self) -> str:
        return "that was all"


def test_a_source_is_run_to_its_end(executor: Made, told: list[Event]) -> None:
    source = _Two(lambda layout, job, send: 7)
    run(source, executor(1), told.append)
    assert source.taken == [("task-1", 7), ("task-2", 7)]


def test_an_interrupt_ends_all_tasks_with_words(executor: Made, told: list[Event]) -> None:
    one = executor(1)
    with pytest.raises(Interrupted, match="that was all"):
        run(_Two(lambda layout, job, send: "interrupt"), one, told.append)
    assert one.idle


def test_a_token_that_make_would_take_again_at_once_is_reclaimed_for_who_waits(
    store: Store, executor: Made
) -> None:
    lender = executor(2)
    assert lender.submit(task(sleep))
    look(lender)
    (running,) = lender._jobs
    jobserver = running.jobserver
    assert jobserver is not None
    assert os.read(jobserver.pipe[0], 1) == b"+"
    waiting = executor(2)
    assert not waiting.submit(task(sleep, 2))
    look(waiting)
    left: list[int] = []

    def make() -> None:
        time.sleep(module.TICK / 4)
        os.write(jobserver.pipe[1], b"+")
        time.sleep(module.TICK / 4)
        left.append(jobserver.idle)

    thread = threading.Thread(target=make)
    look(lender)  # it knows now that another waits
    thread.start()
    look(lender)
    thread.join()
    assert left == [0]
    assert waiting.submit(task(sleep, 2))
