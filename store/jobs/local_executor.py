"""The executor of this machine: a process for each task, and one pool of tokens for all of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import wait

from store.events import Event, Phase, Progress, Queued, Removed, Removing, Retrying, Started
from store.jobs.executor import Task
from store.jobs.job import Job, perform, preload
from store.jobs.phases import PhaseReader
from store.jobs.pool import WorkerPool
from store.jobs.process import JobWorker, Send, Worker
from store.jobs.tokens import Jobserver, TokenPool, balance, reclaim
from store.jobs.watch import Alive, Copied, Watch
from store.jobs.work_removal import remove_work, telling
from store.layout.paths import Layout
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId

TICK = 0.1
"""Seconds between looks at tokens, at the reasons that others wait, and at the phases in logs."""

SHORTEST = 0.005
"""Seconds until the first look at tokens where nothing else goes on; from look to look it is twice
as long, until it is a tick. A small build ends within moments."""

PATIENCE = 2.0
"""Seconds without a token, and without a task that has one, until that is reported."""


@dataclass(eq=False, kw_only=True)
class RunningJob:
    """A task until its process has ended; ``ended`` once its value was handed on, ``settling`` once
    it has given its processor back.

    ``jobserver`` lends it tokens beyond its own: the pool's, unless the task's number of
    processors is fixed.
    """

    task: Task
    job: Job
    worker: JobWorker
    jobserver: Jobserver | None
    phases: PhaseReader | None
    watch: Watch
    settling: bool = False
    ended: bool = False

    @property
    def lent(self) -> Jobserver | None:
        """Its jobserver, if that has tokens of the pool."""
        return self.jobserver if self.task.cores is None else None


class LocalExecutor:
    """Runs tasks on this machine, ``cores`` processors for all of them and for all processes that
    use the store."""

    def __init__(self, store: Store, cores: int, emit: Callable[[Event], None]) -> None:
        self._store = store
        self._cores = cores
        self._emit = emit
        self._tokens = TokenPool(f"{store.layout.locks}/tokens", cores)
        self._workers = WorkerPool(store.layout)
        self._jobs: list[RunningJob] = []
        self._owed: Sequence[Jobserver] = ()
        self._removing: set[bytes] = set()  # the tasks of which that was reported
        self._starved: set[bytes] = set()
        self._pause = SHORTEST
        self._queued_since: float | None = None
        self._reported = False

    @property
    def active(self) -> Sequence[Task]:
        """The tasks that have not ended."""
        return [running.task for running in self._jobs if not running.ended]

    @property
    def stalled(self) -> Sequence[Task]:
        """Those of the active fetches that have not got a byte for some seconds."""
        return [each.task for each in self._jobs if not each.ended and each.watch.stalled]

    @property
    def settling(self) -> Sequence[Task]:
        """Those of the active builds that only wait for the disk, and need no processor."""
        return [each.task for each in self._jobs if each.settling and not each.ended]

    @property
    def idle(self) -> bool:
        """True if no process is left that works, or tidies up after its task."""
        return not self._jobs

    def full(self, kind: str) -> bool:
        """Return False: other processes of the store may give a token back at any time."""
        return False

    def submit(self, task: Task) -> bool:
        """Begin a task; False when it lacks a token."""
        if task.token and not self._tokens.take():
            self._starved.add(task.id)
            return False
        self._starved.discard(task.id)
        self._pause = SHORTEST
        try:
            self._jobs.append(self._begin(task))
        except BaseException:
            if task.token:
                self._tokens.give()
            raise
        return True

    def _begin(self, task: Task) -> RunningJob:
        usual = task.action is None and task.call is None
        pooled = usual and task.kind == "build"
        # A server's call leaves the folder as it was: empty, or fit for a build.
        work = self._store.workspaces.make(renewed=pooled or task.call is not None)
        jobserver = _jobserver(task)
        job = Job(
            task.id,
            task.key,
            task.value,
            work,
            task.closure,
            replace(task.limits, cores=self._cores, disk_reserve=self._store.disk.reserve()),
            jobserver.pipe if jobserver else None,
            task.keep_failed,
            task.retries,
            self._log(task, work),
            into=task.into,
            claims=self._store.workspaces.claims_of(work) if _claims(task) else None,
        )
        expected = self._store.realisations.expected_seconds(task.value.name)
        self._emit(Started(task.id, task.name, task.label, job.log, expected))
        if task.call is None:  # such a task is not done here
            preload(task.kind)
        worker = self._worker(task, job, pooled)
        return RunningJob(
            task=task,
            job=job,
            worker=worker,
            jobserver=jobserver,
            # A call of a server brings the log at its end.
            phases=PhaseReader(job.log) if job.log and task.call is None else None,
            watch=Watch(task.kind, task.name, job.limits, worker.pid),
        )

    def _log(self, task: Task, work: str) -> str | None:
        if task.kind != "build":
            return None
        if task.log is not None:
            return task.log
        return f"{work}/log" if task.action else self._store.start_log(task.key)

    def _worker(self, task: Task, job: Job, pooled: bool) -> JobWorker:
        if task.call is not None:
            return task.call(job)
        if pooled:
            # Descriptors cannot be sent while a builder has as many under way as its user may.
            with contextlib.suppress(OSError):
                return self._workers.start(
                    task.kind, job, self._store.workspaces.hold_of(job.work_dir)
                )
        work = task.action or partial(_perform, task.kind)
        action = partial(work, self._store.layout, job)
        return Worker(task.name, action, partial(remove_work, job))

    # -- while they run --

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        """Lend and reclaim tokens, then hear workers for a tick at the most. A task that exceeds
        its bounds ends here, with that as its error."""
        self._balance()
        if not self._jobs:
            if pending:
                time.sleep(self._pause)
                self._pause = min(2 * self._pause, TICK)
            return
        pipes = {jobserver.fileno(): jobserver for jobserver in self._owed}
        readable = wait([*pipes, *(each.worker.connection for each in self._jobs)], TICK)
        for fd in pipes.keys() & readable:
            reclaim(self._tokens, pipes[fd])  # before all else: its build wants it back
        for running in list(self._jobs):
            if running not in self._jobs:  # cancelled by the receiver of another
                continue
            for value in self._look(running, running.worker.connection in readable):
                yield running.task, value

    def _look(self, running: RunningJob, readable: bool) -> Iterator[object]:
        """Yield how the job ended, if it has."""
        task = running.task
        overdue = None if running.ended else running.watch.overdue()
        if overdue is not None:
            self._kill(running)
            yield overdue
        elif readable:
            message = running.worker.receive()
            running.watch.hear(message)
            if isinstance(message, Removing):
                self._tell_removing(message._replace(key=task.id, name=task.name))
            elif running.ended:  # tidied up
                running.worker.reap()
                self._remove_work(running, renewed=running.worker.renewed)
                self._jobs.remove(running)
            elif isinstance(message, Phase | Progress | Retrying):
                self._emit(message._replace(key=task.id, name=task.name))
            elif isinstance(message, Copied):
                self._give_back(running)
            elif not isinstance(message, Alive):
                self._release(running)
                yield message
        elif not running.ended and running.phases:
            phase = running.phases.latest()
            if phase is not None:
                self._emit(Phase(task.id, task.name, phase))

    def _balance(self) -> None:
        """Lend free tokens, or reclaim idle ones when a task lacks a token; report it when that
        lasts, and no task goes on meanwhile."""
        starved = bool(self._starved)
        self._starved.clear()
        lent = [each.lent for each in self._jobs if each.lent]
        self._owed = balance(self._tokens, lent, starved)
        queued = starved and not self._tokens.held
        if not queued:
            if self._reported:
                self._emit(Queued(0))
            self._queued_since, self._reported = None, False
        elif self._queued_since is None:
            self._queued_since = time.monotonic()
        elif not self._reported and time.monotonic() - self._queued_since >= PATIENCE:
            self._reported = True
            self._emit(Queued(self._tokens.size, tuple(self._tokens.holders())))

    # -- the end --

    def _release(self, running: RunningJob) -> None:
        """Give back what the job holds; more than once does no harm."""
        if running.ended:
            return
        running.ended = True
        self._give_back(running)

    def _give_back(self, running: RunningJob) -> None:
        """Give back the tokens of the job; more than once does no harm."""
        if running.settling:
            return
        running.settling = True
        if running.jobserver:
            lent = running.jobserver.close()
            self._tokens.give(lent if running.lent else 0)
            running.jobserver = None
        if running.task.token:
            self._tokens.give()

    def _kill(self, running: RunningJob) -> None:
        self._jobs.remove(running)
        running.worker.kill()
        self._remove_work(running)
        self._release(running)

    def _remove_work(self, running: RunningJob, *, renewed: bool = False) -> None:
        task = running.task
        watch = telling(task.id, task.name, self._tell_removing)
        self._store.workspaces.remove(running.job.work_dir, renewed=renewed, watch=watch)
        if task.id in self._removing:
            self._removing.discard(task.id)
            self._emit(Removed(task.id))

    def _tell_removing(self, event: Removing) -> None:
        self._removing.add(event.key)
        self._emit(event)

    def cancel(self, task: Task) -> None:
        """End a task at once."""
        for running in [each for each in self._jobs if each.task is task]:
            self._kill(running)

    def close(self) -> None:
        """End every process that is left, at once, and what it was working in."""
        for running in list(self._jobs):
            self._kill(running)
        self._store.workspaces.remove_renewed()
        self._tokens.close()
        self._workers.close()

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to."""
        return self._store.objects.closure_names(roots)

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Do nothing: all results are in this store."""


def _claims(task: Task) -> bool:
    """Return whether the outputs are to be kept until they are registered."""
    usual = task.action is None and task.call is None
    return not task.into and (usual or task.claims)


def _perform(kind: str, layout: Layout, job: Job, send: Send) -> object:
    return perform(layout, kind, job, send)


def _jobserver(task: Task) -> Jobserver | None:
    """Return the pipe of tokens for a build; where its number of processors is fixed, filled for
    good."""
    if task.kind != "build" or task.cores == 1:
        return None
    jobserver = Jobserver()
    for _ in range(0 if task.cores is None else task.cores - 1):
        jobserver.lend()
    return jobserver
