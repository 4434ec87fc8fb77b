"""Workers that stand by: their jobs, and when they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from store.errors import StoreError
from store.index.content_table import ContentTable
from store.jobs import pool as module
from store.jobs.job import Job
from store.jobs.pool import PooledJob, WorkerIdle, WorkerPool
from store.layout.paths import Layout
from store.local.store import Store
from store.model.result import Result
from store.system.locks import SharedLocks
from tests.golden.examples import RESOLVED

DIGEST = b"d" * 20
Work = Callable[[Job, Callable[[object], None]], Result]


@pytest.fixture
def pool(store: Store) -> Iterator[WorkerPool]:
    pool = WorkerPool(store.layout)
    yield pool
    pool.close()


def doing(monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    """Let workers that are forked from now on do this."""

    def perform(_: Layout, kind: str, job: Job, send: Callable[[object], None]) -> Result:
        assert kind == "build"
        return work(job, send)

    monkeypatch.setattr(module, "perform", perform)


def identify(job: Job, send: Callable[[object], None]) -> Result:
    send(os.getpid())
    return Result((), "full", 1, 0.5)


def launch(
    store: Store, pool: WorkerPool, pipe: tuple[int, int] | None = None
) -> tuple[PooledJob, str]:
    """A job at work, and its work folder."""
    work = store.workspaces.make(renewed=True)
    job = Job(b"n", b"k", RESOLVED, work, jobserver=pipe, claims=store.workspaces.claims_of(work))
    return pool.start("build", job, store.workspaces.hold_of(work)), work


def start(store: Store, pool: WorkerPool) -> PooledJob:
    return launch(store, pool)[0]


def finish(errand: PooledJob) -> list[object]:
    """Every message of a job, to the last; afterwards it is over."""
    messages = [errand.receive()]
    while not isinstance(messages[-1], WorkerIdle | StoreError):
        messages.append(errand.receive())
    errand.reap()
    return messages


def test_one_process_does_one_job_after_another(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, identify)
    first, second = finish(start(store, pool)), finish(start(store, pool))
    assert first[0] == second[0] != os.getpid()
    assert isinstance(first[1], Result)
    assert first[2] == WorkerIdle(renewed=True)


def test_jobs_at_the_same_time_have_a_process_each(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, identify)
    errands = [start(store, pool) for _ in range(3)]
    assert len({finish(errand)[0] for errand in errands}) == 3
    assert len(pool.idle) == 3


def test_tokens_claims_and_the_hold_reach_the_job_and_do_not_stay(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: Job, send: Callable[[object], None]) -> Result:
        assert job.jobserver and job.claims
        os.write(job.jobserver[1], os.read(job.jobserver[0], 1) * 2)
        job.claims.add(DIGEST)
        send(len(os.listdir("/proc/self/fd")))
        return Result((), "full", 1, 0.5)

    doing(monkeypatch, work)
    others = SharedLocks(store.layout.claims)
    opened = []
    for _ in range(3):
        pipe = os.pipe()
        os.write(pipe[1], b"+")
        errand, folder = launch(store, pool, pipe)
        opened.append(finish(errand)[0])
        assert os.read(pipe[0], 9) == b"++"
        assert others.taken(DIGEST), "a claim lasts until the object is registered"
        store.workspaces.remove(folder)
        assert not others.taken(DIGEST)
        os.close(pipe[0])
        os.close(pipe[1])
    assert len(set(opened)) == 1


def test_a_process_in_which_a_job_failed_does_no_other(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: Job, send: Callable[[object], None]) -> Result:
        raise StoreError(f"not by {os.getpid()}")

    doing(monkeypatch, work)
    errand, folder = launch(store, pool)
    error = errand.receive()
    assert isinstance(error, StoreError)
    assert isinstance(errand.receive(), StoreError), "it ended, and is not WorkerIdle"
    errand.reap()
    assert pool.idle == []
    assert not os.path.exists(folder), "its work folder is removed"
    assert not os.path.exists(f"/proc/{str(error).split()[-1]}")


@pytest.mark.slow
def test_a_process_that_has_grown_does_no_other(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker may give back what it inherited of this process: garbage of the tests before.
    inherited = module.resident()
    kept = []

    def work(job: Job, send: Callable[[object], None]) -> Result:
        kept.append(bytearray(b"x") * ((inherited + module.GROWTH + (16 << 10)) << 10))
        return Result((), "full", 1, 0.5)

    doing(monkeypatch, work)
    errand = start(store, pool)
    assert isinstance(errand.receive(), Result)
    assert isinstance(errand.receive(), StoreError), "it ended, and is not WorkerIdle"
    errand.reap()
    assert pool.idle == []


def test_another_takes_the_place_of_one_that_was_killed(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, identify)
    first = finish(start(store, pool))[0]
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    wait_for_end(first)
    assert finish(start(store, pool))[0] != first


def wait_for_end(pid: int) -> None:
    """Until a child of this process has ended; it is not reaped."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_job_can_be_killed(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: Job, send: Callable[[object], None]) -> Result:
        send(os.getpid())
        time.sleep(600)
        raise AssertionError

    doing(monkeypatch, work)
    errand = start(store, pool)
    pid = errand.receive()
    errand.kill()
    assert not os.path.exists(f"/proc/{pid}")
    assert pool.idle == []


def test_those_that_stand_by_end_with_the_team(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, identify)
    pool = WorkerPool(store.layout)
    pids = [finish(errand)[0] for errand in [start(store, pool), start(store, pool)]]
    pool.close()
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}")] == []


def test_a_renewed_work_folder_serves_the_next_job(store: Store) -> None:
    first = store.workspaces.make(renewed=True)
    store.workspaces.remove(first, renewed=True)
    assert store.workspaces.make() != first, "others get a fresh one"
    assert store.workspaces.make(renewed=True) == first
    store.workspaces.remove(first, renewed=True)
    store.workspaces.remove_renewed()
    assert not os.path.exists(first)


def test_a_job_interrupted_while_it_is_sent_ends_its_member(
    store: Store,
    pool: WorkerPool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    doing(monkeypatch, identify)
    finish(start(store, pool))
    (member,) = pool.idle

    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt  # the mark is sent, and what it announces is not

    monkeypatch.setattr(member.connection, "send_bytes", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        start(store, pool)
    assert pool.idle == []
    with pytest.raises(ChildProcessError):
        os.waitpid(member.pid, 0)
    assert capfd.readouterr().err == ""


def test_a_member_whose_master_closes_in_the_middle_says_nothing(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    member = module.PoolWorker(store.layout)
    member.socket.send(b"!")
    member.connection.close()
    member.socket.close()
    os.waitpid(member.pid, 0)
    assert capfd.readouterr().err == ""


def holding(job: Job, send: Callable[[object], None]) -> Result:
    """Tell of an object whose digest is made of the job's digest."""
    assert job.holders is not None
    job.holders.tell(f"{0:032d}-n", job.digest.ljust(20, b"-"), [(bytes(16), b"")])
    return Result((), "full", 1, 0.5)


def test_a_worker_tells_of_contents_when_it_has_no_job(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, holding)
    job, _ = launch(store, pool)
    while not isinstance(job.receive(), WorkerIdle):
        pass
    job.reap()
    end = time.monotonic() + 20
    while not ContentTable(store.layout.index).digests():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_worker_tells_of_contents_at_its_end(
    store: Store, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, holding)
    monkeypatch.setattr(module, "PAUSE", 3600)
    job, _ = launch(store, pool)
    while not isinstance(job.receive(), WorkerIdle):
        pass
    job.reap()
    assert ContentTable(store.layout.index).digests() == []
    pool.close()
    assert ContentTable(store.layout.index).digests() == [b"n" + b"-" * 19]
