"""The loop that runs a plan: starts ready nodes, listens to workers, registers their results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from store.errors import StoreError, storage_error
from store.events import (
    Event,
    Failed,
    Finished,
    Reused,
    Stopping,
    Tick,
    Unrealised,
    Waiting,
)
from store.graph.resolver import BuildPlan, Resolver
from store.job_errors import BuildError, MixedInputs
from store.jobs.executor import Executor, Task, run
from store.jobs.local_executor import LocalExecutor
from store.jobs.work_removal import remove_stale_work
from store.local.leases import Lease
from store.local.store import Store
from store.model.catalogue import Catalogue, GraphNode
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId
from store.model.result import Registration, Result
from store.scheduler.build_options import BuildOptions
from store.scheduler.forbidden_work import not_fetched
from store.scheduler.forecast import MAX_FETCHES, MOST_FETCHES, chains, planned_nodes
from store.scheduler.key_search import KeySearch
from store.scheduler.pending_results import PendingResults
from store.scheduler.plan_queue import PlanQueue
from store.scheduler.substitution import Substitution
from store.scheduler.undone import undone_for
from store.system.locks import Lock, position

if TYPE_CHECKING:
    from store.reapi.server import Server

PATIENCE: Final = 0.1
"""Seconds that an answer of caches is waited for at a time, where nothing else goes on."""


class Execution:
    """One run of one plan. A finished node is registered within moments, and survives interruption.

    ``lease`` holds the objects that the plan takes to be present, and comes to hold all results.
    ``caches`` are asked for each build whose key is known only when its inputs are made.
    ``server`` is the one of the options, if it was begun before.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        resolver: Resolver,
        options: BuildOptions,
        emit: Callable[[Event], None],
        lease: Lease,
        caches: Substitution | None = None,
        server: Server | None = None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._resolver = resolver
        self._options = options
        self._emit = emit
        self._lease = lease
        self._server = server
        self._by_key = None if caches is None else KeySearch(caches, resolver, lease)
        self._locks: dict[bytes, Lock] = {}  # of the nodes that are worked on here
        self._queue = PlanQueue(catalogue, BuildPlan((), ()), {})
        self._made = PendingResults()
        self._failures: list[Failed] = []
        self._mixed: MixedInputs | None = None
        self._waiting: set[bytes] = set()
        self._refused: Task | None = None  # the last that lacked a token

    def run(self, plan: BuildPlan, goals: Collection[bytes] = ()) -> None:
        """Work through the plan; raises the first failure, or Interrupted. A result that is
        elsewhere comes here if it is of a goal, or nothing in the plan is built from it."""
        ranks = chains(planned_nodes(self._store, self._catalogue, plan))
        self._queue = PlanQueue(self._catalogue, plan, ranks)
        remove_stale_work(self._store, self._emit)
        try:
            executor = self._executor()
            run(self, executor, self._emit, lambda: self._bring(executor, plan, goals))
        finally:
            if self._by_key is not None:
                self._by_key.close()
            for lock in self._locks.values():
                lock.release()
            self._locks.clear()
        if self._failures:
            undone = undone_for(self._catalogue, self._queue.dependents, self._failures)
            going = self._options.keep_going
            self._emit(Unrealised(tuple(self._failures), undone, going))
            raise self._failures[0].error
        if self._mixed is not None:
            raise self._mixed

    def _executor(self) -> Executor:
        chosen, local = self._options, partial(LocalExecutor, self._store, self._options.cores)
        if chosen.on is None:
            return local(self._emit)
        from store.farm.server_executor import server_executor

        return server_executor(
            self._store,
            local,
            chosen.on,
            chosen.remote_jobs,
            chosen.remote_sandbox,
            self._emit,
            self._server,
        )

    def _bring(self, executor: Executor, plan: BuildPlan, goals: Collection[bytes]) -> None:
        """Get the results that are elsewhere, as far as they are to be here."""
        lost = set(plan.lost)
        wanted = {
            node
            for node, others in self._queue.dependents.items()
            if node in goals or not others or (lost and not lost.isdisjoint(self._outputs_of(node)))
        }
        nodes = self._catalogue.nodes
        derivations = {n: v for n in plan.nodes if isinstance(v := nodes[n], Derivation)}
        executor.bring(derivations, wanted, self._lease)

    def _outputs_of(self, node: bytes) -> Collection[ObjectId]:
        """Return the objects of a node, if it was made."""
        try:
            return self._resolver.objects(node).values()
        except KeyError:
            return ()

    @property
    def pending(self) -> bool:
        """True if anything waits to be started, or to be registered."""
        return bool(self._queue.ready) or bool(self._made)

    def interrupted(self) -> str:
        """Register finished results; the rest is lost."""
        self._register_made()
        return "interrupted; finished work is kept, and only the work in progress is lost"

    # -- starting -----------------------------------------------------------------------------

    def submit_ready(self, executor: Executor) -> None:
        """Submit the nodes that can begin, and register the results since the last time."""
        self._submit_ready(executor)
        if self._made.due(others=bool(self._queue.ready and executor.active)):
            # Only now: while the index waits for the disk, others are at work already.
            self._register_made()
            self._submit_ready(executor)
        while self._by_key is not None and self._by_key.held:
            if executor.active or self._stopping:
                return
            self._by_key.step(PATIENCE)  # there is nothing else to do
            self._emit(Tick())
            self._submit_ready(executor)

    def _submit_ready(self, executor: Executor) -> None:
        held: Collection[bytes] = ()
        if self._by_key is not None:
            self._ask_by_key(self._by_key)
            held = self._by_key.held
        room = self._room(executor)
        if not self._queue.has_fresh and not self._startable(room):
            return
        todo = self._queue.in_order(held)
        while todo and not self._stopping:
            node = todo.pop(0)
            if self._queue.is_fresh(node) and self._settled(node):
                self._queue.remove(node)
                self._emit(Reused(node, self._catalogue.nodes[node].name))
                todo += self._queue.made(node)
            elif room[(kind := self._queue.kinds[node]) == "fetch"] and not executor.full(kind):
                starved = self._try_start(executor, node)
                # Where one lacks a token, each would.
                room = {**self._room(executor), **({False: 0} if starved else {})}

    def _startable(self, room: Mapping[bool, int]) -> bool:
        """Return whether there is room for any of the ready nodes."""
        if room[False]:
            return bool(self._queue.ready)
        return room[True] > 0 and self._queue.has_fetch()

    def _ask_by_key(self, search: KeySearch) -> None:
        """Ask caches for builds whose keys are known only now, and take up the answers that are
        here."""
        fresh = self._queue.fresh()
        for node in fresh:
            self._resolver.look_up(node)
        search.add(
            node
            for node in fresh
            if self._queue.kinds[node] != "fetch" and not self._resolver.present(node)
        )
        search.step(0.0)

    @property
    def _stopping(self) -> bool:
        """True if nothing more is to be started."""
        failed = bool(self._failures) and not self._options.keep_going
        return failed or self._mixed is not None

    def _room(self, executor: Executor) -> dict[bool, int]:
        """Return how many more can start: of fetches (True), and of all else."""
        active = executor.active
        fetching = sum(each.kind == "fetch" for each in active)
        moving = fetching - len(executor.stalled)
        room = min(MAX_FETCHES - moving, MOST_FETCHES - fetching)
        others, most = len(active) - fetching, self._options.all_jobs
        # While results wait for the disk, others work; but no more than once as many.
        others -= min(len(executor.settling), most)
        return {True: max(room, 0), False: max(most - others, 0)}

    def _settled(self, node: bytes) -> bool:
        """Return whether the node, now that its inputs are known, was realised before (early
        cutoff)."""
        self._queue.mark(node, fresh=False)
        self._resolver.look_up(node)
        if not self._resolver.present(node):
            return False
        # Presence counts only if it was seen after the lease: the collector may have been between.
        added = self._lease.add(self._resolver.objects(node).values())
        return not added or self._resolver.present(node)

    def _try_start(self, executor: Executor, node: bytes) -> bool:
        """Start the node, unless another process works on it; returns whether it lacks a token."""
        key = self._resolver.key(node)
        assert key is not None
        lock = self._store.try_lock(position(key))
        if lock is None:
            if node not in self._waiting:
                self._waiting.add(node)
                self._emit(Waiting(node, self._catalogue.nodes[node].name))
            return False
        self._locks[node] = lock
        # Another process may have finished it between our look and our lock: the next round sees.
        if self._settled(node):
            self._queue.mark(node, fresh=True)
            self._unlock(node)
            return False
        try:
            # To make one takes longer than all else that is done in each round of a long wait.
            last = self._refused
            task = last if last and last.id == node else self._task(executor, node, key)
            begun = executor.submit(task)
        except (StoreError, OSError) as error:
            self._queue.remove(node)
            self._unlock(node)
            self._refuse(executor, node, error)
            return False
        if begun:
            self._queue.remove(node)
        else:
            self._refused = task
            self._unlock(node)
        return not begun

    def _refuse(self, executor: Executor, node: bytes, error: StoreError | OSError) -> None:
        """Handle the task of a node that could not be begun."""
        if isinstance(error, MixedInputs):
            self._mixed = error  # no failure to report: another plan goes on
            self._queue.clear()
        elif isinstance(error, StoreError):
            self._fail(executor, node, error)
        else:  # the disk, or the number of processes
            name = self._catalogue.nodes[node].name
            self._fail(executor, node, storage_error(error, f"cannot start {name}"))

    def _unlock(self, node: bytes) -> None:
        self._locks.pop(node).release()

    def _task(self, executor: Executor, node: bytes, key: bytes) -> Task:
        value = self._catalogue.nodes[node]
        if isinstance(value, Source) and self._options.offline:
            raise not_fetched(value)
        resolved = self._resolver.resolved(node)
        inputs = () if resolved is None else resolved.inputs
        roots = (
            inputs if resolved is None or resolved.rootfs is None else (*inputs, resolved.rootfs)
        )
        closure = executor.closure_names(roots)
        self._resolver.check_inputs(node, closure)
        self._resolver.check_unmixed(node, closure)
        return Task(
            id=node,
            name=value.name,
            kind=self._queue.kinds[node],
            label=self._queue.kinds[node],
            key=key,
            value=_work_on(value, resolved),
            closure=closure,
            limits=self._options.limits,
            token=self._queue.kinds[node] != "fetch",
            keep_failed=self._options.keep_failed,
            retries=self._options.retries,
        )

    # -- listening ----------------------------------------------------------------------------

    def take(self, executor: Executor, task: Task, value: object) -> None:
        """Take the result of a task, or its error."""
        if isinstance(value, Result):
            self._made.add(task, value)
            return
        assert isinstance(value, Exception)
        self._store.realisations.record_nodes(self._catalogue.nodes[task.id], task.value)
        self._unlock(task.id)
        self._fail(executor, task.id, value)

    def _register_made(self) -> None:
        """Tell the index of all that was made since the last time, in one transaction."""
        made = [
            self._registration(task, result)
            for task, result in self._made.in_order()
            if not result.elsewhere
        ]
        if made:
            self._store.realisations.register_results(made, self._lease)
        while self._made:
            task, result = self._made.pop()
            self._unlock(task.id)
            self._succeed(task, result)

    def _registration(self, task: Task, result: Result) -> Registration:
        value = self._catalogue.nodes[task.id]
        derivation = value if isinstance(value, Derivation) else None
        return Registration(task.id, task.key, task.value, result, derivation)

    def _succeed(self, task: Task, result: Result) -> None:
        objects = {made.output: made.id for made in result.outputs}
        self._resolver.learn(task.id, objects)
        paths = tuple(oid.path for oid in objects.values())
        self._emit(
            Finished(
                task.id,
                task.name,
                task.kind,
                result.seconds,
                paths,
                result.max_rss,
                sum(made.size for made in result.outputs),
            )
        )
        self._queue.made(task.id)
        if self._stopping:
            self._queue.clear()

    def _fail(self, executor: Executor, node: bytes, error: Exception) -> None:
        if isinstance(error, BuildError) and self._queue.kinds[node] == "build":
            rest = f"`store log {self._package(node)}` shows the whole log"
            error.hint = f"{error.hint}\n  {rest}" if error.hint else rest
        first = not self._failures
        name = self._catalogue.nodes[node].name
        others = any(each.kind != "fetch" for each in executor.active)
        failed = Failed(node, name, error, whole=self._options.keep_going or others)
        self._failures.append(failed)
        self._emit(failed)
        if first and self._stopping:
            self._stop(executor)

    def _stop(self, executor: Executor) -> None:
        """Start nothing more, end the fetches in flight, and report the nodes that may finish."""
        self._queue.clear()
        ended = [task for task in executor.active if task.kind == "fetch"]
        for task in ended:
            executor.cancel(task)
            self._unlock(task.id)
        going = executor.active
        told = len(self._made) + len(going) + len(ended) + len(self._failures)
        if going or ended:
            finishing, stopped = (tuple(each.name for each in some) for some in (going, ended))
            self._emit(Stopping(finishing, stopped, self._queue.left - told))

    def _package(self, node: bytes) -> str:
        """Return a name that the user can give to commands."""
        names = [name for name, package in self._catalogue.packages.items() if package.node == node]
        key = self._resolver.key(node)
        return min(names, key=len) if names else (key or node).hex()


def _work_on(value: GraphNode, resolved: Resolved | None) -> Source | Resolved:
    if isinstance(value, Source):
        return value
    assert resolved is not None
    return resolved
