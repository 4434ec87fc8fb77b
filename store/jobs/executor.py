"""Executors: they are given tasks, run them somewhere, and hand back how each ended.

The source of tasks (a scheduler, an audit, a repair) knows nothing of processes, tokens, work
folders or logs; an executor knows nothing of graphs.
:class:`~store.jobs.local_executor.LocalExecutor` runs tasks on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from store.errors import Interrupted
from store.events import Event, Tick
from store.jobs.job import Job
from store.jobs.lower import BuildLimits
from store.jobs.process import JobWorker, Send
from store.layout.paths import Layout
from store.local.leases import Lease
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId

TaskWork: TypeAlias = Callable[[Layout, Job, Send], object]
"""Work in a process of its own; its value is how the task ended, and has to be picklable."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One thing to be executed. ``kind`` is ``fetch``, ``unpack`` or ``build``.

    - ``id``: the name of its events; no two tasks under way share one.
    - ``name``: its name for people; ``label`` the kind that they are shown.
    - ``key``, ``value``: the derivation's key, and the source or resolved derivation itself.
    - ``closure``: the inputs with everything that they refer to.
    - ``limits``: for this task; the executor keeps the number of processors and the disk's reserve.
    - ``token``: true if it takes a processor from the pool; a fetch waits more than it works.
    - ``cores``: exactly so many processors; None for all that are free.
    - ``log``: the place of a build's log; None for its usual place.
    - ``into``: the root of a store aside that takes the outputs; None for this store.
    - ``action``: done in the place of the kind's usual work; ``claims`` if its outputs are to be
      kept until they are registered.
    - ``call``: begins the job in a process that is there already, in that place.
    """

    id: bytes
    name: str
    kind: str
    label: str
    key: bytes
    value: Source | Resolved
    closure: Sequence[ObjectId | str] = ()
    limits: BuildLimits = field(default_factory=lambda: BuildLimits(cores=1))
    token: bool = True
    cores: int | None = None
    log: str | None = None
    into: str | None = None
    keep_failed: bool = False
    retries: int = 3
    action: TaskWork | None = None
    call: Callable[[Job], JobWorker] | None = None
    claims: bool = False


class Executor(Protocol):
    """Runs tasks side by side, each once. Events of their progress go to its reporter."""

    @property
    def active(self) -> Sequence[Task]:
        """The tasks that were submitted and have not ended."""

    @property
    def stalled(self) -> Sequence[Task]:
        """Those of the active fetches that have not got a byte for some seconds."""

    @property
    def settling(self) -> Sequence[Task]:
        """Those of the active builds that only wait for the disk, and need no processor."""

    @property
    def idle(self) -> bool:
        """True if nothing is left to be done for any task that was submitted."""

    def full(self, kind: str) -> bool:
        """Return whether :meth:`submit` is going to refuse any task of this kind, until another has
        ended: a task need not be made for it."""

    def submit(self, task: Task) -> bool:
        """Begin a task; False when nothing is free to run it, and it has to be submitted again.

        Raises StoreError or OSError when it cannot be begun at all.
        """

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        """Wait for about a tenth of a second; each task that ended meanwhile, with its value or the
        exception that it raised. ``pending`` says that other tasks wait to be submitted."""

    def cancel(self, task: Task) -> None:
        """End a task at once. It is not among those that :meth:`ended` gives."""

    def close(self) -> None:
        """Cancel every task, and give back all that the executor holds."""

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to, wherever the
        tasks have left these objects."""

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Take results that are elsewhere into this store: those of the ``wanted`` ones of the
        derivations ``nodes``, by their tasks. Called when all have ended."""


class TaskSource(Protocol):
    """The owner of tasks for an executor."""

    @property
    def pending(self) -> bool:
        """True if anything is left to be submitted or taken in, apart from tasks under way."""

    def submit_ready(self, executor: Executor) -> None:
        """Submit the tasks that can begin now."""

    def take(self, executor: Executor, task: Task, value: object) -> None:
        """Take how a task ended: its value, or the exception that it raised."""

    def interrupted(self) -> str:
        """Return the message for an interruption by the user."""


def run(
    source: TaskSource,
    executor: Executor,
    emit: Callable[[Event], None],
    at_end: Callable[[], None] = lambda: None,
) -> None:
    """Have all tasks of a source executed, call ``at_end``, and close the executor. Raises
    Interrupted for Ctrl-C, and what the source and ``at_end`` raise."""
    try:
        while source.pending or not executor.idle:
            source.submit_ready(executor)
            for task, value in executor.ended(pending=source.pending):
                source.take(executor, task, value)
            emit(Tick())
        at_end()
    except KeyboardInterrupt:
        raise Interrupted(source.interrupted()) from None
    finally:
        executor.close()
