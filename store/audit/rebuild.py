"""Building again what is in the store: runs examinations side by side, and collects findings."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from store.audit.causes import Outcome, Steps, Trial, examine
from store.audit.subjects import Subject
from store.audit.trial import Rebuild, carry_out, rehash
from store.errors import BuildError, CorruptObject, Interrupted, StoreError
from store.events import (
    SILENT,
    Examined,
    Examining,
    Failed,
    Finished,
    Phase,
    Reporter,
    Started,
    Tick,
)
from store.jobs.executor import Crew, Entered, Shift
from store.jobs.job import Job
from store.jobs.lower import Limits
from store.jobs.phases import PhaseReader
from store.jobs.process import Action, Send, Worker
from store.jobs.removal import remove_stale_work, remove_work
from store.jobs.tokens import Lending
from store.jobs.watch import Watch
from store.local.store import Store
from store.model.derivation import Source
from store.model.names import ObjectId
from store.model.verdict import Finding, Verdict
from store.sandbox.log_limit import MAX_LOG
from store.sandbox.variation import CONTROL, Variation


@dataclass(frozen=True)
class RebuildOptions:
    """``jobs`` rebuilds at once, ``cores`` processors for all of them together; times in seconds,
    ``max_log`` in bytes.

    ``keep`` keeps the trees of what differs.
    """

    jobs: int
    cores: int
    timeout: float | None = None
    max_silent: float | None = None
    keep: bool = False
    max_log: int = MAX_LOG


@dataclass
class _Examination:
    number: int
    subject: Subject
    steps: Steps
    trials: Sequence[Trial] = ()
    outcomes: dict[int, Outcome] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True)
class _Running(Shift):
    examination: _Examination
    number: int
    name: str
    began: float

    @property
    def id(self) -> bytes:
        """What its events go by."""
        return os.fsencode(self.job.work_dir)


class Auditor:
    """Runs examinations in one store. :attr:`findings` grow while :meth:`run` goes."""

    def __init__(self, store: Store, options: RebuildOptions, reporter: Reporter = SILENT) -> None:
        self._store = store
        self._options = options
        self._emit = reporter.emit
        self._crew: Crew[_Running] = Crew(store, options.cores, reporter.emit)
        self._ready: list[tuple[_Examination, int]] = []
        self._found: dict[int, list[Finding]] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found until now, in the order of the subjects."""
        return [finding for number in sorted(self._found) for finding in self._found[number]]

    def run(self, subjects: Iterable[Subject], variations: Sequence[Variation]) -> None:
        """Examine every subject. Raises Interrupted, or what keeps rebuilds from being made at all
        (SandboxUnavailable, StorageError); ``findings`` has what was found until then.
        """
        subjects = list(subjects)
        self._store.check_writable()
        remove_stale_work(self._store, self._emit)
        self._emit(Examining(len(subjects)))
        with self._store.lease() as lease:
            for subject in subjects:
                lease.add([*subject.closure, *_recorded(subject)])
            self._run([_begun(i, item, variations) for i, item in enumerate(subjects)])

    def _run(self, examinations: list[_Examination]) -> None:
        try:
            for examination in examinations:
                self._go_on(examination)
            while self._ready or self._crew.shifts:
                self._crew.balance(self._start_ready())
                for running, message in self._crew.listen(bool(self._ready)):
                    self._hear(running, message)
                self._emit(Tick())
        except KeyboardInterrupt:
            raise Interrupted("interrupted; what was found until then is told") from None
        finally:
            self._crew.close()

    def _go_on(self, examination: _Examination) -> None:
        """Take the next step of an examination: more trials, or its end."""
        outcomes = [examination.outcomes[i] for i in range(len(examination.trials))]
        try:
            examination.trials = (
                examination.steps.send(outcomes) if outcomes else next(examination.steps)
            )
        except StopIteration as end:
            self._conclude(examination, end.value)
            return
        examination.outcomes = {}
        self._ready += [(examination, number) for number in range(len(examination.trials))]

    def _conclude(self, examination: _Examination, findings: list[Finding]) -> None:
        self._found[examination.number] = findings
        worst = min(findings, key=lambda finding: _GRAVITY.index(finding.verdict))
        detail = worst.cause or worst.detail
        self._emit(Examined(worst.subject, worst.verdict.value, detail.partition("\n")[0]))

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> bool:
        """Start what can start; returns whether a rebuild could but for a token."""
        while self._ready and len(self._crew.active) < self._options.jobs:
            if not self._crew.pool.take():
                return True
            examination, number = self._ready.pop(0)
            self._launch(examination, number)
        return False

    def _launch(self, examination: _Examination, number: int) -> None:
        subject, trial = examination.subject, examination.trials[number]
        work = self._store.make_work()
        lending = _lending(subject, trial)
        job = Job(
            subject.node,
            subject.case.key,
            subject.value,
            work,
            subject.closure,
            self._limits(),
            lending.pipe if lending else None,
        )
        name = f"{subject.case.subject}, {trial.variation.name}"
        worker = Worker(name, self._action(subject, trial, job), partial(remove_work, job))
        running = _Running(
            examination=examination,
            number=number,
            name=name,
            job=job,
            worker=worker,
            lending=lending,
            phases=PhaseReader(f"{work}/log"),
            # What it was lent is then of its own, and not the pool's.
            fixed=trial.variation.cores is not None,
            began=time.monotonic(),
            watch=Watch(kind=subject.kind, name=name, limits=job.limits, pid=worker.pid),
        )
        self._crew.shifts.append(running)
        expected = self._store.expected_seconds(subject.value.name)
        self._emit(Started(running.id, name, "rebuild", f"{work}/log", expected))

    def _limits(self) -> Limits:
        return Limits(
            self._options.cores,
            self._options.timeout,
            self._options.max_silent,
            self._store.disk_reserve(),
            self._options.max_log,
        )

    def _action(self, subject: Subject, trial: Trial, job: Job) -> Action:
        layout = self._store.layout
        if isinstance(subject.value, Source):
            return partial(_rehash, layout.object(subject.closure[0]), subject.value)
        shelf = f"{subject.value.name}-{subject.case.key.hex()[:12]}-{trial.variation.name}"
        rebuild = Rebuild(subject.kind, job, trial, f"{layout.audits}/{shelf}", self._options.keep)
        return partial(carry_out, layout, rebuild)

    # -- listening ----------------------------------------------------------------------------

    def _hear(self, running: _Running, message: object) -> None:
        if isinstance(message, Outcome):
            self._crew.end(running)
            self._take(running, message)
        elif isinstance(message, BuildError):  # told by the watch, as the worker was ended
            self._crew.end(running)
            self._take(running, Outcome(time.monotonic() - running.began, error=message))
        elif isinstance(message, Exception):
            self._crew.end(running)
            self._fail(running, message)
        elif isinstance(message, Entered):
            self._emit(Phase(running.id, running.name, message.phase))
        elif isinstance(message, Phase):
            self._emit(message._replace(key=running.id))

    def _fail(self, running: _Running, error: Exception) -> None:
        """A rebuild that could not even be tried: fatal, unless it was a variation that could not
        be made.
        """
        trial = running.examination.trials[running.number]
        if trial.variation is CONTROL or not isinstance(error, StoreError):
            raise error
        self._take(running, Outcome(time.monotonic() - running.began, error=error))

    def _take(self, running: _Running, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._emit(Failed(running.id, running.name, outcome.error))
        else:
            paths = tuple(oid.path for oid in outcome.objects.values())
            self._emit(Finished(running.id, running.name, "rebuild", outcome.seconds, paths))
        examination = running.examination
        examination.outcomes[running.number] = outcome
        if len(examination.outcomes) == len(examination.trials):
            self._go_on(examination)


_GRAVITY = (Verdict.DIFFERS, Verdict.FAILED, Verdict.UNKNOWN, Verdict.REPRODUCED)


def _begun(number: int, subject: Subject, variations: Sequence[Variation]) -> _Examination:
    if subject.kind == "fetch":
        return _Examination(number, subject, _rehashed(subject))
    # Unpacking is ours: no builder is there that anything could be varied for.
    varied = variations if subject.kind == "build" else ()
    return _Examination(number, subject, examine(subject.case, varied))


def _rehashed(subject: Subject) -> Steps:
    """A fetched file has one finding: whether it still has the hash that its recipe names."""
    (outcome,) = yield [Trial(CONTROL, subject.case.recorded)]
    (oid,) = subject.closure
    return [
        Finding(
            subject.case.subject,
            "out",
            "rebuild",
            Verdict.REPRODUCED if outcome.error is None else Verdict.DIFFERS,
            expected=oid,
            actual=oid if outcome.error is None else None,
            key=subject.case.key,
            detail="" if outcome.error is None else outcome.error.message,
            seconds=outcome.seconds,
        )
    ]


def _rehash(path: str, source: Source, send: Send) -> Outcome:
    began = time.monotonic()
    wrong = rehash(path, source)
    error = CorruptObject(f"the file in the store: {wrong}") if wrong else None
    return Outcome(time.monotonic() - began, error=error)


def _recorded(subject: Subject) -> list[ObjectId]:
    return [oid for oids in subject.case.recorded.values() for oid in oids]


def _lending(subject: Subject, trial: Trial) -> Lending | None:
    """The pipe of tokens for a build; where the number of processors is varied, filled for good."""
    cores = trial.variation.cores
    if subject.kind != "build" or cores == 1:
        return None
    lending = Lending()
    for _ in range(0 if cores is None else cores - 1):
        lending.lend()
    return lending
