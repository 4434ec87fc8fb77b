"""The loop that runs a plan: starts what is ready, listens to workers, registers what they made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from store.errors import (
    BuildError,
    Interrupted,
    MixedInputs,
    Offline,
    StoreError,
    printable,
    storage_error,
)
from store.events import (
    Event,
    Failed,
    Finished,
    Phase,
    Progress,
    Reused,
    Started,
    Stopping,
    Tick,
    Unrealised,
    Waiting,
)
from store.graph.knowledge import Knowledge, Plan, kind
from store.jobs.executor import Crew, Entered, Shift
from store.jobs.job import Job, perform, preload
from store.jobs.lower import Limits
from store.jobs.phases import PhaseReader
from store.jobs.pool import Errand, Team
from store.jobs.process import Worker
from store.jobs.removal import remove_stale_work, remove_work
from store.jobs.tokens import Lending
from store.jobs.watch import Watch
from store.local.store import Lease, Store
from store.model.catalogue import Catalogue, GraphNode
from store.model.derivation import Derivation, Resolved, Source
from store.model.locators import shown
from store.model.result import Registration, Result
from store.scheduler.failures import undone_for
from store.scheduler.forecast import MAX_FETCHES, MOST_FETCHES, chains, planned_nodes
from store.scheduler.options import Options
from store.system.locks import Lock, position


@dataclass(eq=False, kw_only=True)
class _Running(Shift):
    node: bytes
    kind: str


class Execution:
    """One run of one plan. What is finished is registered at once, and survives interruption.

    ``lease`` holds what the plan takes to be present, and comes to hold all that is made.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        knowledge: Knowledge,
        options: Options,
        emit: Callable[[Event], None],
        lease: Lease,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._knowledge = knowledge
        self._options = options
        self._emit = emit
        self._lease = lease
        self._crew: Crew[_Running] = Crew(store, options.cores, emit)
        self._team = Team(store.layout)
        self._ready: list[bytes] = []
        self._unseen: set[bytes] = set()  # those of the ready ones that were not looked up yet
        self._missing: dict[bytes, int] = {}
        self._dependents: dict[bytes, list[bytes]] = {}
        self._made: list[tuple[_Running, Result]] = []  # on disk, and not in the index yet
        self._failures: list[Failed] = []
        self._mixed: MixedInputs | None = None
        self._done = 0
        self._waiting: set[bytes] = set()
        self._ranks: dict[bytes, float] = {}
        self._kinds: dict[bytes, str] = {}

    def run(self, plan: Plan) -> None:
        """Work through the plan; raises the first failure, or Interrupted."""
        self._prepare(plan)
        remove_stale_work(self._store, self._emit)
        try:
            while self._ready or self._crew.shifts or self._made:
                starved = self._start_ready()
                if self._made:
                    # Only now: while the index waits for the disk, others are at work already.
                    self._register_made()
                    starved = self._start_ready()
                self._crew.balance(starved)
                for running, message in self._crew.listen(bool(self._ready)):
                    self._hear(running, message)
                self._emit(Tick())
        except KeyboardInterrupt:
            self._register_made()
            raise Interrupted(
                "interrupted; what was finished is kept, only what was in flight is lost"
            ) from None
        finally:
            self._crew.close()
            self._team.close()
        if self._failures:
            undone = undone_for(self._catalogue, self._dependents, self._failures)
            going = self._options.keep_going
            self._emit(Unrealised(tuple(self._failures), undone, going))
            raise self._failures[0].error
        if self._mixed is not None:
            raise self._mixed

    def _prepare(self, plan: Plan) -> None:
        self._missing = dict.fromkeys(plan.nodes, 0)
        self._kinds = {node: kind(self._catalogue.nodes[node]) for node in plan.nodes}
        self._dependents = {node: [] for node in plan.nodes}
        for node in plan.nodes:
            for needed in {ref.node for ref in self._catalogue.inputs(node)}:
                if needed in self._missing:
                    self._missing[node] += 1
                    self._dependents[needed].append(node)
        self._ready = [node for node in plan.nodes if not self._missing[node]]
        self._unseen = set(self._ready)
        # What stands at the foot of the longest chain goes first: with few processors, a long build
        # must not be left for the end.
        self._ranks = chains(planned_nodes(self._store, self._catalogue, plan))

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> bool:
        """Start what can start; returns whether a build could but for a token."""
        starved = False
        room = self._room()
        if not self._unseen and not any(room.values()):
            return False
        todo = sorted(self._ready, key=lambda node: -self._ranks[node])
        while todo and not self._stopping:
            node = todo.pop(0)
            if node in self._unseen and self._settled(node):
                self._ready.remove(node)
                self._emit(Reused(node, self._catalogue.nodes[node].name))
                todo += self._unblock(node)
            elif room[self._kinds[node] == "fetch"]:
                starved |= self._try_start(node)
                room = self._room()
        return starved

    @property
    def _stopping(self) -> bool:
        """Whether nothing more is to be started."""
        failed = bool(self._failures) and not self._options.keep_going
        return failed or self._mixed is not None

    def _room(self) -> dict[bool, int]:
        """How many more can start: of fetches (True), and of all else."""
        active = self._crew.active
        fetches = [each for each in active if each.kind == "fetch"]
        moving = sum(not (each.watch and each.watch.stalled) for each in fetches)
        room = min(MAX_FETCHES - moving, MOST_FETCHES - len(fetches))
        others = len(active) - len(fetches)
        return {True: max(room, 0), False: max(self._options.jobs - others, 0)}

    def _settled(self, node: bytes) -> bool:
        """Whether the node, now that its inputs are known, was realised before (early cutoff)."""
        self._unseen.discard(node)
        self._knowledge.look_up(node)
        if not self._knowledge.present(node):
            return False
        # Presence counts only if it was seen after the lease: the collector may have been between.
        added = self._lease.add(self._knowledge.objects(node).values())
        return not added or self._knowledge.present(node)

    def _unblock(self, node: bytes) -> list[bytes]:
        self._done += 1
        freed = []
        for dependent in self._dependents[node]:
            self._missing[dependent] -= 1
            if not self._missing[dependent]:
                freed.append(dependent)
        self._ready += freed
        self._unseen.update(freed)
        return freed

    def _try_start(self, node: bytes) -> bool:
        """Start the node unless another process works on it; returns whether a token is lacking."""
        what = self._kinds[node]
        key = self._knowledge.key(node)
        assert key is not None
        lock = self._store.try_lock(position(key))
        if lock is None:
            if node not in self._waiting:
                self._waiting.add(node)
                self._emit(Waiting(node, self._catalogue.nodes[node].name))
            return False
        # Another process may have finished it between our look and our lock: the next round sees.
        if self._settled(node):
            self._unseen.add(node)
            lock.release()
            return False
        if what != "fetch" and not self._crew.pool.take():
            lock.release()
            return True
        self._ready.remove(node)
        try:
            self._launch(node, what, key, lock)
        except (StoreError, OSError) as error:
            if what != "fetch":
                self._crew.pool.give()
            lock.release()
            if isinstance(error, MixedInputs):
                self._mixed = error  # no failure to be told: another plan goes on
                self._ready.clear()
            elif isinstance(error, StoreError):
                self._fail(node, error)
            else:  # the disk, or the number of processes
                name = self._catalogue.nodes[node].name
                self._fail(node, storage_error(error, f"cannot start {name}"))
        return False

    def _launch(self, node: bytes, what: str, key: bytes, lock: Lock) -> None:
        value = self._catalogue.nodes[node]
        if isinstance(value, Source) and self._options.offline:
            raise Offline(
                f"{value.name} would have to be fetched from {printable(shown(value.locators[0]))}",
                hint="run without --offline once",
            )
        resolved = self._knowledge.resolved(node)
        inputs = () if resolved is None else resolved.inputs
        roots = (
            inputs if resolved is None or resolved.rootfs is None else (*inputs, resolved.rootfs)
        )
        closure = self._store.closure_names(roots)
        self._knowledge.check_inputs(node, closure)
        self._knowledge.check_unmixed(node, closure)
        lending = Lending() if what == "build" else None
        limits = Limits(
            self._options.cores,
            self._options.timeout,
            self._options.max_silent,
            self._store.disk_reserve(),
            self._options.max_log,
        )
        work = self._store.make_work(renewed=what == "build")
        job = Job(
            node,
            key,
            _work_on(value, resolved),
            work,
            closure,
            limits,
            lending.pipe if lending else None,
            self._options.keep_failed,
            self._options.retries,
            self._store.start_log(key) if what == "build" else None,
            claims=self._store.claims_of(work),
        )
        expected = self._store.expected_seconds(value.name)
        self._emit(Started(node, value.name, what, job.log, expected))
        preload(what)
        worker = self._worker(what, job)
        running = _Running(
            node=node,
            kind=what,
            job=job,
            worker=worker,
            lending=lending,
            phases=PhaseReader(job.log) if job.log else None,
            charged=what != "fetch",
            release=lock.release,
            watch=Watch(
                kind=what,
                name=value.name,
                limits=limits,
                pid=worker.pid,
            ),
        )
        self._crew.shifts.append(running)

    def _worker(self, what: str, job: Job) -> Worker | Errand:
        if what == "build":
            # Descriptors cannot be sent while a builder has as many under way as its user may.
            with contextlib.suppress(OSError):
                return self._team.start(what, job, self._store.hold_of(job.work_dir))
        return Worker(
            job.node.name,
            partial(perform, self._store.layout, what, job),
            partial(remove_work, job),
        )

    # -- listening ----------------------------------------------------------------------------

    def _hear(self, running: _Running, message: object) -> None:
        if isinstance(message, Result):
            self._made.append((running, message))
            self._crew.end(running, release=False)
        elif isinstance(message, Exception):
            value, job = self._catalogue.nodes[running.node], running.job
            self._store.record_nodes(value, job.node)
            self._crew.end(running)
            self._fail(running.node, message)
        elif isinstance(message, Entered):
            name = self._catalogue.nodes[running.node].name
            self._emit(Phase(running.node, name, message.phase))
        elif isinstance(message, Phase | Progress):
            self._emit(message)

    def _register_made(self) -> None:
        """Tell the index of all that was made since the last time, in one transaction."""
        made = [self._registration(running, result) for running, result in self._made]
        if made:
            self._store.register_results(made, self._lease)
        while self._made:
            running, result = self._made.pop(0)
            running.release()
            self._succeed(running, result)

    def _registration(self, running: _Running, result: Result) -> Registration:
        value, job = self._catalogue.nodes[running.node], running.job
        derivation = value if isinstance(value, Derivation) else None
        return Registration(running.node, job.key, job.node, result, derivation)

    def _succeed(self, running: _Running, result: Result) -> None:
        objects = {made.output: made.id for made in result.outputs}
        self._knowledge.learn(running.node, objects)
        paths = tuple(oid.path for oid in objects.values())
        self._emit(
            Finished(
                running.node,
                running.job.node.name,
                running.kind,
                result.seconds,
                paths,
                result.max_rss,
                sum(made.size for made in result.outputs),
            )
        )
        self._unblock(running.node)
        if self._stopping:
            self._ready.clear()

    def _fail(self, node: bytes, error: Exception) -> None:
        if isinstance(error, BuildError) and self._kinds[node] == "build":
            rest = f"`store log {self._package(node)}` shows the whole log"
            error.hint = f"{error.hint}\n  {rest}" if error.hint else rest
        first = not self._failures
        name = self._catalogue.nodes[node].name
        others = any(each.kind != "fetch" for each in self._crew.active)
        failed = Failed(node, name, error, whole=self._options.keep_going or others)
        self._failures.append(failed)
        self._emit(failed)
        if first and self._stopping:
            self._stop()

    def _stop(self) -> None:
        """Start nothing more, end the fetches in flight, and say what is let finish."""
        self._ready.clear()
        ended = []
        for running in self._crew.active:
            if running.kind == "fetch":
                self._crew.dismiss(running)
                self._crew.end(running)
                ended.append(running)
        going = self._crew.active
        told = self._done + len(self._made) + len(going) + len(ended) + len(self._failures)
        if going or ended:
            finishing, stopped = (
                tuple(each.job.node.name for each in some) for some in (going, ended)
            )
            self._emit(Stopping(finishing, stopped, len(self._missing) - told))

    def _package(self, node: bytes) -> str:
        """A name that the user can give to commands."""
        names = [name for name, package in self._catalogue.packages.items() if package.node == node]
        key = self._knowledge.key(node)
        return min(names, key=len) if names else (key or node).hex()


def _work_on(value: GraphNode, resolved: Resolved | None) -> Source | Resolved:
    if isinstance(value, Source):
        return value
    assert resolved is not None
    return resolved
