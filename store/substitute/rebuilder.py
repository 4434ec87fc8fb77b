"""Building again as a substituter: a recorded build makes its object once more, aside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from store.errors import CorruptObject, StoreError, UnknownObject
from store.events import Failed, Finished
from store.index.foreign import Told
from store.job_errors import Offline
from store.jobs.executor import Executor, Task, run
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import BuildLimits
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation, Resolved, Source, kind
from store.model.locators import shown
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.result import Result
from store.reporting import SILENT, Reporter
from store.substitute.directory import StoreDirectory
from store.substitute.recorded import Recorded, named, remember
from store.substitute.substituter import FATAL

NAME = "building again"


@dataclass(frozen=True)
class _Done:
    """The result of building a key again: the store aside that has it, or the reason that there is
    none."""

    aside: StoreDirectory | None = None
    objects: tuple[ObjectId, ...] = ()
    error: StoreError | None = None


Realise: TypeAlias = Callable[[Recorded, Lease], None]
"""Realises recorded nodes, and leaves them leased; raises the error that prevents it."""


@dataclass(frozen=True)
class Terms:
    """The resources of a rebuild, and its treatment of failure: ``limits`` for each build, its
    ``cores`` for all builds in the store together; ``offline`` fetches nothing."""

    limits: BuildLimits
    offline: bool = False
    keep_failed: bool = False


class Rebuilder:
    """Makes objects of a store again by the records of their builds: derivations in the sandbox,
    sources by fetching. Each is made once, in a work folder that :meth:`close` removes.

    Builds come one after the other. Their missing inputs are brought back by ``realise``.
    """

    def __init__(
        self,
        store: Store,
        terms: Terms,
        reporter: Reporter = SILENT,
        realise: Realise | None = None,
    ) -> None:
        self._store = store
        self._terms = terms
        self._emit = reporter.emit
        self._realise = realise
        self._done: dict[bytes, _Done] = {}
        self._sound: set[ObjectId] = set()
        self._works: list[str] = []

    @property
    def name(self) -> str:
        """The kind of source."""
        return NAME

    def manifest(self, oid: ObjectId) -> Manifest:
        """Return the manifest of the object, made again.

        UnknownObject when this store did not make it, or lacks a sound input; CorruptObject when
        another object comes out; else the error of the build.
        """
        return self._aside(oid).manifest(oid)

    def tree(self, oid: ObjectId) -> str:
        """Return where it lies."""
        return self._aside(oid).tree(oid)

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """Return None: builds made again are recorded already."""
        return ()

    def close(self) -> None:
        """Remove all that was made."""
        for work in self._works:
            self._store.workspaces.remove(work)
        self._works, self._done = [], {}

    def _aside(self, oid: ObjectId) -> StoreDirectory:
        keys = list(dict.fromkeys(record.key for record in self._store.realisations.makers(oid)))
        error: StoreError = UnknownObject(f"{oid} was added, and not built by this store")
        for key in keys:
            try:
                done = self._make(key)
            except StoreError as missing:
                error = missing  # not for good: an input may be repaired yet
                continue
            if done.aside is not None and oid in done.objects:
                return done.aside
            made = ", ".join(map(str, done.objects))
            error = done.error or CorruptObject(f"the result is {made}")
        raise error

    def _make(self, key: bytes) -> _Done:
        if key not in self._done:
            node = self._store.realisations.node(key)
            if isinstance(node, Derivation):
                raise UnknownObject("the record of its build is not resolved")
            if isinstance(node, Source) and self._terms.offline:
                raise Offline(
                    f"{node.name} would have to be fetched from {shown(node.locators[0])}"
                )
            with self._store.leases.begin() as lease:
                try:
                    self._bring_back(node, lease)
                except _Failed as failed:
                    self._done[key] = _Done(error=failed.error)
                else:
                    closure = self._closure(node, lease)
                    self._done[key] = self._carry_out(key, node, closure)
        return self._done[key]

    def _bring_back(self, node: Source | Resolved, lease: Lease) -> None:
        """Have missing inputs of the build realised again; _Failed when that went wrong."""
        gone = self._gone(node)
        if not gone or self._realise is None:
            return
        remembered = remember(self._store, gone)
        below = self._store.objects.closure(remembered.present)
        lease.add(below)
        self._check_sound(below)
        try:
            self._realise(remembered, lease)
        except FATAL:
            raise
        except StoreError as error:
            raise _Failed(error) from error

    def _gone(self, node: Source | Resolved) -> list[ObjectId]:
        return [oid for oid in named(node) if not self._store.objects.find(oid.text)]

    def _closure(self, node: Source | Resolved, lease: Lease) -> tuple[ObjectId, ...]:
        """Return all that the sandbox is to hold, leased and sound."""
        for oid in self._gone(node):
            again = "" if self._realise is None else ", and a rebuild makes another object"
            raise UnknownObject(
                f"{oid}, an input of its build, is not in this store any more{again}"
            )
        closure = self._store.objects.closure(named(node))
        lease.add(closure)
        self._check_sound(closure)
        return closure

    def _check_sound(self, closure: Iterable[ObjectId]) -> None:
        """Check the inputs: a damaged one would at best make another object, after hours."""
        for oid in closure:
            if oid in self._sound:
                continue
            if self._store.objects.check(oid):
                raise UnknownObject(f"{oid}, an input of its build, is damaged")
            self._sound.add(oid)

    def _carry_out(
        self, key: bytes, node: Source | Resolved, closure: tuple[ObjectId, ...]
    ) -> _Done:
        work = self._store.workspaces.make()
        self._works.append(work)
        aside, log, what = f"{work}/root", f"{work}/log", kind(node)
        make_directories(Layout(aside))
        os.close(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        task = Task(
            id=key,
            name=node.name,
            kind=what,
            label=what,
            key=key,
            value=node,
            closure=closure,
            limits=self._terms.limits,
            token=what != "fetch",
            log=log,
            into=aside,
            keep_failed=self._terms.keep_failed,
        )
        try:
            result = self._result(task)
        except FATAL:
            raise
        except StoreError as error:
            self._emit(Failed(key, node.name, error))
            return _Done(error=error)
        objects = tuple(made.id for made in result.outputs)
        paths = tuple(oid.path for oid in objects)
        self._emit(Finished(key, node.name, what, result.seconds, paths, result.max_rss))
        return _Done(StoreDirectory(aside), objects)

    def _result(self, task: Task) -> Result:
        """Return the result of a task; raises what its work raises."""
        alone = _Alone(task)
        run(alone, LocalExecutor(self._store, self._terms.limits.cores, self._emit), self._emit)
        if isinstance(alone.value, Result):
            return alone.value
        assert isinstance(alone.value, Exception)
        raise alone.value


class _Alone:
    """The source of one task."""

    def __init__(self, task: Task) -> None:
        self._task: Task | None = task
        self.value: object = None

    @property
    def pending(self) -> bool:
        """True if it waits to be started."""
        return self._task is not None

    def submit_ready(self, executor: Executor) -> None:
        """Submit it, if it was not."""
        if self._task is not None and executor.submit(self._task):
            self._task = None

    def take(self, executor: Executor, task: Task, value: object) -> None:
        """Take how it ended."""
        self.value = value

    def interrupted(self) -> str:
        """Return the message for an interruption."""
        return "interrupted; the repairs until then are kept"


class _Failed(Exception):
    """An input of a build could not be made again, for good."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error
