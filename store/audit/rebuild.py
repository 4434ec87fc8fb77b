"""Rebuilds of the store's packages: runs examinations side by side, and collects findings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from store.audit.causes import Steps, cut_short, examine
from store.audit.journal import RebuildJournal
from store.audit.outcomes import Trial, TrialOutcome
from store.audit.subjects import AuditSubject
from store.audit.trial import Rebuild, carry_out, rehash
from store.errors import CorruptObject, StoreError
from store.events import Examined, Examining, Failed, Finished
from store.job_errors import BuildError
from store.jobs.executor import Executor, Task, TaskWork, run
from store.jobs.job import Job
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import BuildLimits
from store.jobs.process import Send
from store.jobs.work_removal import remove_stale_work
from store.layout.paths import Layout
from store.local.store import Store
from store.model.derivation import Source
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Verdict
from store.reporting import SILENT, Reporter
from store.sandbox.log_limit import MAX_LOG
from store.sandbox.variation import CONTROL, Variation


@dataclass(frozen=True)
class RebuildOptions:
    """``jobs`` rebuilds at once, ``cores`` processors for all of them together; times in seconds,
    ``max_log`` in bytes.

    ``keep`` keeps the trees that differ.
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
    subject: AuditSubject
    steps: Steps
    trials: Sequence[Trial] = ()
    outcomes: dict[int, TrialOutcome] = field(default_factory=dict)
    begun: bool = False
    """True once one of its trials has ended: there is something to report."""


@dataclass(frozen=True)
class _Under:
    """A task's place in an examination: its trial with this number."""

    examination: _Examination
    number: int
    began: float

    @property
    def trial(self) -> Trial:
        return self.examination.trials[self.number]


class Auditor:
    """Runs examinations in one store. :attr:`findings` grow while :meth:`run` goes.

    With a ``journal``, subjects of which it has all findings are not examined again, and the
    findings of the others are noted in it.
    """

    def __init__(
        self,
        store: Store,
        options: RebuildOptions,
        reporter: Reporter = SILENT,
        journal: RebuildJournal | None = None,
    ) -> None:
        self._store = store
        self._options = options
        self._journal = journal
        self._emit = reporter.emit
        self._under: dict[bytes, _Under] = {}  # the tasks under way, by their ids
        self._begun = 0
        self._ready: list[tuple[_Examination, int]] = []
        self._found: dict[int, list[AuditFinding]] = {}

    @property
    def findings(self) -> list[AuditFinding]:
        """The findings until now, in the order of the subjects."""
        return [finding for number in sorted(self._found) for finding in self._found[number]]

    def run(self, subjects: Iterable[AuditSubject], variations: Sequence[Variation]) -> None:
        """Examine every subject. Raises SandboxUnavailable or StorageError if no rebuild can be
        made; ``findings`` has the findings until then."""
        left = self._unknown(subjects, variations)
        self._store.check_writable()
        remove_stale_work(self._store, self._emit)
        self._emit(Examining(len(left)))
        with self._store.leases.begin() as lease:
            for subject in left.values():
                lease.add([*subject.closure, *_recorded(subject)])
            self._run([_begun(i, item, variations) for i, item in left.items()])

    def _unknown(
        self, subjects: Iterable[AuditSubject], variations: Sequence[Variation]
    ) -> dict[int, AuditSubject]:
        """Take the findings that the journal has, and return the other subjects by number."""
        left = {}
        for number, subject in enumerate(subjects):
            known = self._journal.known(subject, variations) if self._journal else None
            if known is None:
                left[number] = subject
            else:
                self._found[number] = known
        return left

    def _run(self, examinations: list[_Examination]) -> None:
        for examination in examinations:
            self._go_on(examination)
        run(self, LocalExecutor(self._store, self._options.cores, self._emit), self._emit)

    @property
    def pending(self) -> bool:
        """True if a trial waits to be started."""
        return bool(self._ready)

    def interrupted(self) -> str:
        """Keep the findings until now in :attr:`findings`, with those of a subject whose trials
        have not all ended. The journal has no part of that: it is examined anew."""
        under = [each.examination for each in self._under.values()]
        waiting = [examination for examination, _ in self._ready]
        for examination in {each.number: each for each in (*under, *waiting)}.values():
            if examination.begun:
                self._found[examination.number] = cut_short(
                    examination.steps, examination.trials, examination.outcomes
                )
        return "interrupted; all findings until then are reported"

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
        ready = [(examination, number) for number in range(len(examination.trials))]
        # Those that are under way come to their ends before others begin. So what prevents every
        # rebuild is met at the first control, and an interruption finds most of them concluded.
        self._ready = [*ready, *self._ready] if outcomes else [*self._ready, *ready]

    def _conclude(self, examination: _Examination, findings: list[AuditFinding]) -> None:
        self._found[examination.number] = findings
        if self._journal is not None:
            self._journal.note(findings)
        worst = min(findings, key=lambda finding: _GRAVITY.index(finding.verdict))
        detail = worst.cause or worst.detail
        self._emit(Examined(worst.subject, worst.verdict.value, detail.partition("\n")[0]))

    # -- starting -----------------------------------------------------------------------------

    def submit_ready(self, executor: Executor) -> None:
        """Submit the trials that can begin."""
        while self._ready and len(executor.active) < self._options.jobs:
            examination, number = self._ready[0]
            task = self._task(examination.subject, examination.trials[number])
            self._under[task.id] = _Under(examination, number, time.monotonic())
            if not executor.submit(task):
                del self._under[task.id]  # it is made anew, with another id
                return
            self._ready.pop(0)

    def _task(self, subject: AuditSubject, trial: Trial) -> Task:
        name = f"{subject.case.subject}, {trial.variation.name}"
        self._begun += 1
        options = self._options
        return Task(
            id=b"rebuild %d" % self._begun,
            name=name,
            kind=subject.kind,
            label="rebuild",
            key=subject.case.key,
            value=subject.value,
            closure=subject.closure,
            limits=BuildLimits(
                options.cores, options.timeout, options.max_silent, max_log=options.max_log
            ),
            cores=trial.variation.cores,
            action=self._action(subject, trial),
        )

    def _action(self, subject: AuditSubject, trial: Trial) -> TaskWork:
        layout = self._store.layout
        if isinstance(subject.value, Source):
            return partial(_rehash, layout.object(subject.closure[0]), subject.value)
        shelf = f"{subject.value.name}-{subject.case.key.hex()[:12]}-{trial.variation.name}"
        rebuild = Rebuild(subject.kind, trial, f"{layout.audits}/{shelf}", self._options.keep)
        return partial(carry_out, rebuild)

    # -- listening ----------------------------------------------------------------------------

    def take(self, executor: Executor, task: Task, value: object) -> None:
        """Take the outcome of a trial, or the error that prevented it."""
        under = self._under.pop(task.id)
        if isinstance(value, TrialOutcome):
            self._note(task, under, value)
        elif isinstance(value, BuildError):  # from the watch, which ended it
            self._note(task, under, TrialOutcome(time.monotonic() - under.began, error=value))
        else:
            assert isinstance(value, Exception)
            self._fail(task, under, value)

    def _fail(self, task: Task, under: _Under, error: Exception) -> None:
        """Handle a rebuild that could not even be tried: fatal, unless it was a variation that
        could not be made."""
        if under.trial.variation is CONTROL or not isinstance(error, StoreError):
            raise error
        self._note(task, under, TrialOutcome(time.monotonic() - under.began, error=error))

    def _note(self, task: Task, under: _Under, outcome: TrialOutcome) -> None:
        if outcome.error is not None:
            self._emit(Failed(task.id, task.name, outcome.error))
        else:
            paths = tuple(oid.path for oid in outcome.objects.values())
            self._emit(Finished(task.id, task.name, "rebuild", outcome.seconds, paths))
        examination = under.examination
        examination.begun = True
        examination.outcomes[under.number] = outcome
        if len(examination.outcomes) == len(examination.trials):
            self._go_on(examination)


_GRAVITY = (Verdict.DIFFERS, Verdict.FAILED, Verdict.UNKNOWN, Verdict.REPRODUCED)


def _begun(number: int, subject: AuditSubject, variations: Sequence[Variation]) -> _Examination:
    if subject.kind == "fetch":
        return _Examination(number, subject, _rehashed(subject))
    # Unpacking is ours: no builder is there that anything could be varied for.
    varied = variations if subject.kind == "build" else ()
    return _Examination(number, subject, examine(subject.case, varied))


def _rehashed(subject: AuditSubject) -> Steps:
    """Yield the one finding of a fetched file: it still has its recipe's hash, or another."""
    (outcome,) = yield [Trial(CONTROL, subject.case.recorded)]
    (oid,) = subject.closure
    return [
        AuditFinding(
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


def _rehash(path: str, source: Source, layout: Layout, job: Job, send: Send) -> TrialOutcome:
    began = time.monotonic()
    wrong = rehash(path, source)
    error = CorruptObject(f"the file in the store: {wrong}") if wrong else None
    return TrialOutcome(time.monotonic() - began, error=error)


def _recorded(subject: AuditSubject) -> list[ObjectId]:
    return [oid for oids in subject.case.recorded.values() for oid in oids]
