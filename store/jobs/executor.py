"""Workers side by side that draw from one pool of tokens: heard, lent to, and sent home."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Generic, TypeVar

from store.events import Event, Queued, Removed, Removing
from store.jobs.job import Job
from store.jobs.phases import PhaseReader
from store.jobs.pool import Errand
from store.jobs.process import Worker
from store.jobs.removal import telling
from store.jobs.tokens import Lending, TokenPool, balance, take_back
from store.jobs.watch import Watch
from store.local.store import Store

TICK = 0.1
"""Seconds between looks at tokens, at what keeps others waiting, and at the phases in logs."""

PATIENCE = 2.0
"""Seconds without a token, and without a job that has one, until that is told."""


@dataclass(eq=False, kw_only=True)
class Shift:
    """One job under way, until its worker's process is gone; ``ended`` when it had its last word.

    ``charged`` says that it took a token of the pool, and ``lending`` has what it was lent beyond
    that: by the pool, unless it is ``fixed``. ``release`` is called at its end. ``watch`` has its
    bounds.
    """

    job: Job
    worker: Worker | Errand
    lending: Lending | None = None
    phases: PhaseReader | None = None
    charged: bool = True
    fixed: bool = False
    release: Callable[[], None] = field(default=lambda: None)
    ended: bool = False
    watch: Watch | None = None


@dataclass(frozen=True)
class Entered:
    """The builder of a shift has come to another phase."""

    phase: str


AnyShift = TypeVar("AnyShift", bound=Shift)


class Crew(Generic[AnyShift]):
    """The shifts that go on at this moment, and the pool that they share with other processes."""

    def __init__(self, store: Store, cores: int, emit: Callable[[Event], None]) -> None:
        self._store = store
        self._emit = emit
        self.pool = TokenPool(f"{store.layout.locks}/tokens", cores)
        self.shifts: list[AnyShift] = []
        self._owed: Sequence[Lending] = ()
        self._queued_since: float | None = None
        self._told = False
        self._removing: set[bytes] = set()

    @property
    def active(self) -> list[AnyShift]:
        """Those that have not ended."""
        return [shift for shift in self.shifts if not shift.ended]

    def balance(self, starved: bool) -> None:
        """Lend what is free, or take back what is idle when a job is ``starved`` of a token; tell
        when that lasts, and no job goes on meanwhile."""
        lent = [each.lending for each in self.shifts if each.lending and not each.fixed]
        self._owed = balance(self.pool, lent, starved)
        self._tell_queued(starved and not self.pool.held)

    def _tell_queued(self, queued: bool) -> None:
        if not queued:
            if self._told:
                self._emit(Queued(0))
            self._queued_since, self._told = None, False
        elif self._queued_since is None:
            self._queued_since = time.monotonic()
        elif not self._told and time.monotonic() - self._queued_since >= PATIENCE:
            self._told = True
            self._emit(Queued(self.pool.size))

    def listen(self, waiting: bool) -> Iterator[tuple[AnyShift, object]]:
        """Messages of workers, and Entered, for a tick at the most; with nobody to listen to and
        others ``waiting``, none after a tick.

        Who takes a worker's last message has to :meth:`end` the shift. A job that is overdue is
        ended here, and its error is its last message.
        """
        if not self.shifts:
            if waiting:
                time.sleep(TICK)
            return
        pipes = {lending.fileno(): lending for lending in self._owed}
        readable = wait([*pipes, *(each.worker.connection for each in self.shifts)], TICK)
        for fd in pipes.keys() & readable:
            take_back(self.pool, pipes[fd])  # before all else: its build wants it back
        for shift in list(self.shifts):
            if shift not in self.shifts:  # dismissed by who heard another
                continue
            error = shift.watch.overdue() if shift.watch and not shift.ended else None
            if error is not None:
                self.dismiss(shift)
                yield shift, error
            elif shift.worker.connection in readable:
                message = shift.worker.receive()
                if shift.watch:
                    shift.watch.hear(message)
                if not self._is_of_tidying(shift, message):
                    yield shift, message
            elif not shift.ended and shift.phases:
                phase = shift.phases.latest()
                if phase is not None:
                    yield shift, Entered(phase)

    def _is_of_tidying(self, shift: AnyShift, message: object) -> bool:
        """Whether a message is of what follows a job's end; it is dealt with then."""
        if isinstance(message, Removing):
            self._tell_removing(message)
        elif shift.ended:
            shift.worker.reap()
            self._remove_work(shift, renewed=shift.worker.renewed)
            self.shifts.remove(shift)
        else:
            return False
        return True

    def _remove_work(self, shift: AnyShift, *, renewed: bool = False) -> None:
        job = shift.job
        watch = telling(job.digest, job.node.name, self._tell_removing)
        self._store.remove_work(job.work_dir, renewed=renewed, watch=watch)
        if job.digest in self._removing:
            self._removing.discard(job.digest)
            self._emit(Removed(job.digest))

    def _tell_removing(self, event: Removing) -> None:
        self._removing.add(event.key)
        self._emit(event)

    def end(self, shift: AnyShift, *, release: bool = True) -> None:
        """Give back what the shift holds; more than once does no harm. Unless it is to ``release``
        all, the caller has to call the shift's own ``release``."""
        if shift.ended:
            return
        shift.ended = True
        if shift.lending:
            lent = shift.lending.close()
            self.pool.give(0 if shift.fixed else lent)
            shift.lending = None
        if shift.charged:
            self.pool.give()
        if release:
            shift.release()

    def dismiss(self, shift: AnyShift) -> None:
        """Kill the worker of a shift, which the caller has to :meth:`end`."""
        self.shifts.remove(shift)
        shift.worker.kill()
        self._remove_work(shift)

    def close(self) -> None:
        """End every process that is left, at once, and what it was working in."""
        for shift in self.shifts:
            shift.worker.kill()
            self._remove_work(shift)
            self.end(shift)
        self._store.remove_renewed_work()
        self.pool.close()
