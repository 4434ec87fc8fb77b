"""Building again as a substituter: what made an object here makes it once more, aside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from store.errors import CorruptObject, Interrupted, Offline, StoreError, UnknownObject
from store.events import SILENT, Failed, Finished, Phase, Progress, Reporter, Started, Tick
from store.graph.knowledge import kind
from store.index.foreign import Told
from store.jobs.executor import TICK, Crew, Entered, Shift
from store.jobs.job import Job, perform, preload
from store.jobs.lower import Limits
from store.jobs.phases import PhaseReader
from store.jobs.process import Worker
from store.jobs.removal import remove_work
from store.jobs.tokens import Lending
from store.jobs.watch import Watch
from store.layout.paths import Layout
from store.local.store import Lease, Store, make_directories
from store.model.derivation import Derivation, Resolved, Source
from store.model.locators import shown
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.result import Result
from store.substitute.directory import StoreDirectory
from store.substitute.remembered import Remembered, named, remember
from store.substitute.substituter import FATAL

NAME = "building again"


@dataclass(frozen=True)
class _Done:
    """What came of building a key again: the store aside that has it, or why there is none."""

    aside: StoreDirectory | None = None
    objects: tuple[ObjectId, ...] = ()
    error: StoreError | None = None


Realise: TypeAlias = Callable[[Remembered, Lease], None]
"""Makes what is remembered, and leaves it leased; raises what keeps it from being made."""


@dataclass(frozen=True)
class Terms:
    """What building again may use, and how it treats failure: ``limits`` for each build, its
    ``cores`` for all that is built in the store together; ``offline`` fetches nothing."""

    limits: Limits
    offline: bool = False
    keep_failed: bool = False


class Rebuilding:
    """Makes objects of a store again by what the store recorded of their making: derivations in the
    sandbox, sources by fetching. Each is made once, in a work folder that :meth:`close` removes.

    Builds come one after the other. What they take that is gone is brought back by ``realise``.
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
        """What it is."""
        return NAME

    def manifest(self, oid: ObjectId) -> Manifest:
        """The manifest of the object, made again.

        UnknownObject when this store did not make it, or has not got, sound, what that takes;
        CorruptObject when another object comes out; else what kept it from being made.
        """
        return self._aside(oid).manifest(oid)

    def tree(self, oid: ObjectId) -> str:
        """Where it lies."""
        return self._aside(oid).tree(oid)

    def told(self, oids: Sequence[ObjectId]) -> Sequence[Told]:
        """None: what is made again is recorded already."""
        return ()

    def close(self) -> None:
        """Remove all that was made."""
        for work in self._works:
            self._store.remove_work(work)
        self._works, self._done = [], {}

    def _aside(self, oid: ObjectId) -> StoreDirectory:
        keys = list(dict.fromkeys(record.key for record in self._store.makers(oid)))
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
            error = done.error or CorruptObject(f"what comes out is {made}")
        raise error

    def _make(self, key: bytes) -> _Done:
        if key not in self._done:
            node = self._store.node(key)
            if isinstance(node, Derivation):
                raise UnknownObject("what is recorded of its making is not resolved")
            if isinstance(node, Source) and self._terms.offline:
                raise Offline(
                    f"{node.name} would have to be fetched from {shown(node.locators[0])}"
                )
            with self._store.lease() as lease:
                try:
                    self._bring_back(node, lease)
                except _Failed as failed:
                    self._done[key] = _Done(error=failed.error)
                else:
                    closure = self._closure(node, lease)
                    self._done[key] = self._carry_out(key, node, closure)
        return self._done[key]

    def _bring_back(self, node: Source | Resolved, lease: Lease) -> None:
        """Have what the build names, and is gone, realised again; _Failed when that went wrong."""
        gone = self._gone(node)
        if not gone or self._realise is None:
            return
        remembered = remember(self._store, gone)
        below = self._store.closure(remembered.present)
        lease.add(below)
        self._check_sound(below)
        try:
            self._realise(remembered, lease)
        except FATAL:
            raise
        except StoreError as error:
            raise _Failed(error) from error

    def _gone(self, node: Source | Resolved) -> list[ObjectId]:
        return [oid for oid in named(node) if not self._store.find(oid.text)]

    def _closure(self, node: Source | Resolved, lease: Lease) -> tuple[ObjectId, ...]:
        """All that the sandbox is to hold, leased and sound."""
        for oid in self._gone(node):
            again = "" if self._realise is None else ", and what is made again is another object"
            raise UnknownObject(
                f"{oid}, which building it takes, is not in this store any more{again}"
            )
        closure = self._store.closure(named(node))
        lease.add(closure)
        self._check_sound(closure)
        return closure

    def _check_sound(self, closure: Iterable[ObjectId]) -> None:
        """What is damaged below would at best make another object, after hours."""
        for oid in closure:
            if oid in self._sound:
                continue
            if self._store.check_object(oid):
                raise UnknownObject(f"{oid}, which building it takes, is damaged")
            self._sound.add(oid)

    def _carry_out(
        self, key: bytes, node: Source | Resolved, closure: tuple[ObjectId, ...]
    ) -> _Done:
        work = self._store.make_work()
        self._works.append(work)
        aside, log, what = f"{work}/root", f"{work}/log", kind(node)
        make_directories(Layout(aside))
        os.close(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        lending = Lending() if what == "build" else None
        job = Job(
            key,
            key,
            node,
            f"{work}/work",
            closure,
            replace(self._terms.limits, disk_reserve=self._store.disk_reserve()),
            lending.pipe if lending else None,
            self._terms.keep_failed,
            log=log,
            into=aside,
        )
        os.mkdir(job.work_dir)
        preload(what)
        try:
            result = self._work(job, what, lending)
        except FATAL:
            raise
        except StoreError as error:
            self._emit(Failed(key, node.name, error))
            return _Done(error=error)
        objects = tuple(made.id for made in result.outputs)
        paths = tuple(oid.path for oid in objects)
        self._emit(Finished(key, node.name, what, result.seconds, paths, result.max_rss))
        return _Done(StoreDirectory(aside), objects)

    def _work(self, job: Job, what: str, lending: Lending | None) -> Result:
        """The result of a job, done in a process of its own with a token of the pool, and what is
        lent beyond; raises what the work raises."""
        crew: Crew[Shift] = Crew(self._store, self._terms.limits.cores, self._emit)
        last: object = None
        try:
            while what != "fetch" and not crew.pool.take():
                crew.balance(True)
                self._emit(Tick())
                time.sleep(TICK)
            expected = self._store.expected_seconds(job.node.name)
            self._emit(Started(job.key, job.node.name, what, job.log, expected))
            worker = Worker(
                job.node.name,
                partial(perform, self._store.layout, what, job),
                partial(remove_work, job),
            )
            shift = Shift(
                job=job,
                worker=worker,
                lending=lending,
                phases=PhaseReader(job.log) if lending and job.log else None,
                charged=what != "fetch",
                watch=Watch(what, job.node.name, job.limits, worker.pid),
            )
            crew.shifts.append(shift)
            while crew.shifts:
                crew.balance(False)
                for _, message in crew.listen(False):
                    if isinstance(message, Result | Exception):
                        crew.end(shift)
                        last = message
                    elif isinstance(message, Entered):
                        self._emit(Phase(job.key, job.node.name, message.phase))
                    elif isinstance(message, Phase | Progress):
                        self._emit(message)
                self._emit(Tick())
        except KeyboardInterrupt:
            raise Interrupted("interrupted; what was repaired until then stays so") from None
        finally:
            crew.close()
        if isinstance(last, Result):
            return last
        assert isinstance(last, Exception)
        raise last


class _Failed(Exception):
    """What a build takes could not be made again, for good."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error
