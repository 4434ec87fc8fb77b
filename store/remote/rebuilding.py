"""Building again as a substituter: what made an object here makes it once more, aside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from store.build import cleaning
from store.errors import CorruptObject, StoreError, UnknownObject
from store.events import SILENT, Failed, Finished, Phase, Progress, Reporter, Started
from store.knowledge import kind
from store.layout import Layout
from store.lower import Limits
from store.model.derivation import Derivation, Resolved, Source
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Result
from store.remote.directory import StoreDirectory
from store.store import Store, make_directories
from store.work.job import Job, perform, preload
from store.work.process import Action, Worker

NAME = "building again"


@dataclass(frozen=True)
class _Done:
    """What came of building a key again: the store aside that has it, or why there is none."""

    aside: StoreDirectory | None = None
    objects: tuple[ObjectId, ...] = ()
    error: StoreError | None = None


class Rebuilding:
    """Makes objects of a store again by what the store recorded of their making: derivations in the
    sandbox, sources by fetching. Each is made once, in a work folder that :meth:`close` removes.

    ``cores`` processors for each build; builds come one after the other.
    """

    def __init__(self, store: Store, cores: int, reporter: Reporter = SILENT) -> None:
        self._store = store
        self._cores = cores
        self._emit = reporter.emit
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

    def realisations(self, oid: ObjectId) -> Sequence[Realisation]:
        """None: what is made again is recorded already."""
        return ()

    def node(self, key: bytes) -> Source | Derivation | Resolved | None:
        """None, likewise."""
        return None

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
            with self._store.lease() as lease:
                closure = self._closure(node)
                lease.add(closure)
                self._check_sound(closure)
                self._done[key] = self._carry_out(key, node, closure)
        return self._done[key]

    def _closure(self, node: Source | Resolved) -> tuple[ObjectId, ...]:
        for oid in _inputs(node):
            if not self._store.find(oid.text):
                raise UnknownObject(
                    f"{oid}, which building it takes, is not in this store any more"
                )
        return self._store.closure(_inputs(node))

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
        limits = Limits(self._cores, disk_reserve=self._store.disk_reserve())
        job = Job(key, key, node, f"{work}/work", closure, limits, log=log, into=aside)
        os.mkdir(job.work_dir)
        expected = self._store.expected_seconds(node.name)
        self._emit(Started(key, node.name, what, log, expected))
        preload(what)
        try:
            result = self._in_a_process(job, partial(perform, self._store.layout, what, job))
        except StoreError as error:
            self._emit(Failed(key, node.name, error))
            return _Done(error=error)
        objects = tuple(made.id for made in result.outputs)
        paths = tuple(oid.path for oid in objects)
        self._emit(Finished(key, node.name, what, result.seconds, paths, result.max_rss))
        return _Done(StoreDirectory(aside), objects)

    def _in_a_process(self, job: Job, action: Action) -> Result:
        """The result of a job's worker; raises what the work raises."""
        worker = Worker(job.node.name, action, partial(cleaning.remove, job.work_dir))
        try:
            while True:
                message = worker.receive()
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, Phase | Progress):
                    self._emit(message)
                elif isinstance(message, Result):
                    worker.receive()  # the end of the pipe: what it was built in is removed
                    worker.reap()
                    return message
        except BaseException:
            worker.kill()
            raise


def _inputs(node: Source | Resolved) -> tuple[ObjectId, ...]:
    """The objects that a build names."""
    if isinstance(node, Source):
        return ()
    return node.inputs if node.rootfs is None else (*node.inputs, node.rootfs)
