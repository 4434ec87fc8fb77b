"""Bounds on the time of jobs, kept by the master."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.errors import StoreError, StoreFull
from store.events import Phase, Progress
from store.job_errors import BuildSilent, BuildTimeout, FetchSilent, FetchTimeout
from store.jobs import process, watch
from store.jobs.executor import Task
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import BuildLimits
from store.jobs.process import Worker
from store.jobs.watch import INGEST, Alive, Watch
from store.local.store import Store
from tests.golden.examples import RESOLVED
from tests.unit.jobs.conftest import ManualClock


@pytest.fixture
def executor(store: Store) -> Iterator[LocalExecutor]:
    """An executor in an empty store."""
    made = LocalExecutor(store, 4, lambda event: None)
    yield made
    made.close()


def limits(timeout: float | None = None, silent: float | None = None) -> BuildLimits:
    """Bounds of time."""
    return BuildLimits(1, timeout, silent)


def ended(
    executor: LocalExecutor, kind: str, bounds: BuildLimits, work: Callable[[], object]
) -> StoreError:
    """The error with which a task that does ``work`` is ended by its bounds."""
    task = Task(
        id=b"it",
        name="it",
        kind=kind,
        label=kind,
        key=bytes(32),
        value=RESOLVED,
        limits=bounds,
        action=lambda layout, job, send: work(),
    )
    assert executor.submit(task)
    (running,) = executor._jobs
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for _, error in executor.ended(pending=False):
            assert isinstance(error, StoreError)
            assert executor.idle
            with pytest.raises(ProcessLookupError):
                os.kill(running.worker.pid, 0)
            return error
    raise AssertionError("it was not ended")


@pytest.mark.parametrize(
    ("kind", "bounds", "expected"),
    [
        ("fetch", limits(timeout=0.2), FetchTimeout),
        ("fetch", limits(silent=0.1), FetchSilent),
        ("unpack", limits(timeout=0.2), BuildTimeout),
        ("unpack", limits(silent=0.2), BuildSilent),
    ],
)
def test_a_worker_that_waits_for_a_fifo_is_ended(
    executor: LocalExecutor, tmp_path: Path, kind: str, bounds: BuildLimits, expected: type
) -> None:
    os.mkfifo(tmp_path / "fifo")
    error = ended(executor, kind, bounds, (tmp_path / "fifo").read_bytes)
    assert type(error) is expected
    assert error.hint is not None
    assert error.hint.startswith("--")


def test_an_endless_file_ends_at_the_timeout(executor: LocalExecutor) -> None:
    def read_on() -> None:
        with open("/dev/zero", "rb") as stream:
            while stream.read(65536):
                pass

    error = ended(executor, "unpack", limits(timeout=0.6, silent=0.3), read_on)
    assert type(error) is BuildTimeout


def test_a_build_has_some_more_time_as_its_runner_watches_it(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.3)
    began = time.monotonic()
    error = ended(executor, "build", limits(timeout=0.1), lambda: time.sleep(60))
    assert type(error) is BuildTimeout
    assert time.monotonic() - began >= 0.4


def test_what_a_worker_started_ends_with_it(executor: LocalExecutor, tmp_path: Path) -> None:
    def start() -> None:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        (tmp_path / "pid").write_text(str(pid))
        time.sleep(60)

    ended(executor, "unpack", limits(timeout=0.3), start)
    pid = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    until = time.monotonic() + 5
    while state.exists() and state.read_text().split()[2] != "Z":
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_taking_in_has_time_of_its_own(clock: ManualClock) -> None:
    clock.drive(watch)
    watched = Watch(kind="unpack", name="it", limits=limits(timeout=0.2), pid=os.getpid())
    clock.pass_time(0.15)
    watched.hear(Phase(b"", "it", INGEST))
    clock.pass_time(0.1)
    assert watched.overdue() is None
    watched.hear(Phase(b"", "it", INGEST))
    clock.pass_time(0.1)
    assert isinstance(watched.overdue(), BuildTimeout), "saying it again buys nothing"


def test_progress_without_bytes_is_none(clock: ManualClock) -> None:
    clock.drive(watch)
    watched = Watch(kind="fetch", name="it", limits=limits(silent=0.1), pid=0)
    for _ in range(5):
        watched.hear(Progress(b"", "it", 7, None))
        clock.pass_time(0.06)
    assert isinstance(watched.overdue(), FetchSilent)
    watched.hear(Progress(b"", "it", 8, None))
    assert watched.overdue() is None


def test_a_sign_of_life_is_progress_and_reading_a_file_is_one(
    clock: ManualClock, tmp_path: Path
) -> None:
    clock.drive(watch)
    watched = Watch(kind="fetch", name="it", limits=limits(silent=0.1), pid=0)
    for _ in range(5):
        watched.hear(Alive())
        clock.pass_time(0.06)
        assert watched.overdue() is None
    (tmp_path / "part").write_bytes(b"x")
    watched = Watch(kind="fetch", name="it", limits=limits(silent=0.1), pid=os.getpid())
    for _ in range(5):
        (tmp_path / "part").read_bytes()
        clock.pass_time(0.06)
        assert watched.overdue() is None


def test_a_fetch_that_brings_nothing_is_stalled(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.drive(watch)
    monkeypatch.setattr(watch, "STALLED", 0.1)
    watched = Watch(kind="fetch", name="it", limits=limits(), pid=0)
    watched.hear(Progress(b"", "it", 7, None))
    assert not watched.stalled
    clock.pass_time(0.15)
    watched.hear(Alive())
    watched.hear(Progress(b"", "it", 7, None))
    assert watched.stalled
    watched.hear(Progress(b"", "it", 8, None))
    assert not watched.stalled
    watched.hear(Phase(b"", "it", INGEST))
    clock.pass_time(0.15)
    assert not watched.stalled, "what is taken in was fetched"


def test_a_process_that_does_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "PATIENCE", 0.1)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    worker = Worker("it", lambda send: time.sleep(60), lambda send: None)
    began = time.monotonic()
    worker.kill()
    assert time.monotonic() - began < 30
    monkeypatch.undo()
    worker.kill()
    worker.reap()


def test_a_failed_call_in_a_worker_is_an_error_in_words() -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device", "/x")

    worker = Worker("it", lambda send: fail(), lambda send: None)
    message = worker.receive()
    worker.reap()
    assert isinstance(message, StoreFull)
    assert message.message == "a system call failed for it: No space left on device (/x)"
