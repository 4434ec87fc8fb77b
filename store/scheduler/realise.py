"""Realising goals: plan the missing nodes, execute the plan, name the objects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from store.errors import StoreFull
from store.graph.resolver import BuildPlan, Resolver
from store.job_errors import DiskReserve, MixedInputs
from store.local.leases import Lease
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Ref, Source
from store.model.names import ObjectId
from store.reporting import SILENT, Reporter
from store.scheduler.build_options import BuildOptions

if TYPE_CHECKING:
    from store.reapi.server import Server
    from store.scheduler.substitution import Substitution
    from store.substitute.cache_sizes import CacheForecast

ATTEMPTS = 3
"""The most executions of a plan: again when room could be made after the disk had become full; or
when an input differs from the one that others were built with."""


def no_room(urgent: bool) -> bool:
    """Return the way to make room of a caller without one."""
    return False


def no_caches() -> Substitution | None:
    """Return the caches of a caller without any."""
    return None


class Realiser:
    """Realises goals of one catalogue in one store.

    ``make_room`` is called before a plan is executed, and again, with True, when the disk has
    become full; it returns whether there is more room than before. ``caches`` gives those to take
    missing nodes from before they are built, and is called when some are missing; with
    ``only_cached``, nothing is built. ``server`` is the one of the options, if it was begun before.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        options: BuildOptions,
        reporter: Reporter = SILENT,
        make_room: Callable[[bool], bool] = no_room,
        caches: Callable[[], Substitution | None] = no_caches,
        *,
        only_cached: bool = False,
        server: Server | None = None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._options = options
        self._reporter = reporter
        self._make_room = make_room
        self._find_caches = caches
        self._only_cached = only_cached
        self._server = server
        self._told = 0
        self.resolver = Resolver(store, catalogue, offline=options.offline)

    def plan(self, goals: Iterable[Ref]) -> BuildPlan:
        """Return the plan that :meth:`run` would execute without caches. Raises OtherSystem if that
        cannot be done on this machine."""
        plan = self.resolver.plan(_nodes(goals))
        self._check_systems(plan)
        return plan

    def forecast(self, goals: Iterable[Ref]) -> tuple[BuildPlan, CacheForecast | None]:
        """Return the plan that :meth:`run` would be left with, and the parts of it that caches
        have. Takes nothing. Raises OtherSystem as :meth:`plan`; NotCached or Offline if that plan
        may not be executed."""
        nodes = _nodes(goals)
        plan = self.resolver.plan(nodes)
        caches = self._find_caches() if plan.nodes else None
        found = caches.forecast(nodes, plan, self.resolver) if caches else None
        left = found.left if found else plan
        self._check_systems(left)
        self._check_allowed(left, nodes)
        return left, found

    def _check_systems(self, plan: BuildPlan) -> None:
        """Raise OtherSystem if a build of the plan cannot be done on this machine."""
        if not plan.builds:
            return
        from store.jobs.lower import check_system  # takes long to load, and often nothing is built

        for node in plan.builds:
            value = self._catalogue.nodes[node]
            assert isinstance(value, Derivation)
            check_system(value)

    def _check_allowed(self, plan: BuildPlan, goals: Collection[bytes]) -> None:
        """Raise NotCached for any work with ``only_cached``, and Offline for a fetch offline."""
        from store.scheduler.forbidden_work import not_cached, not_fetched

        if self._only_cached and plan.nodes:
            raise not_cached(self._catalogue, plan, goals)
        if self._options.offline and plan.fetches:
            source = self._catalogue.nodes[plan.fetches[0]]
            assert isinstance(source, Source)
            raise not_fetched(source)

    def run(self, goals: Iterable[Ref], keep: Lease | None = None) -> dict[Ref, ObjectId]:
        """Realise every goal; raises the first error once the running jobs have ended.

        The results are leased until this returns; with ``keep``, until the caller ends that.
        """
        goals = tuple(goals)
        plan = self.resolver.plan(_nodes(goals))
        if plan.nodes:
            self._store.check_writable()
        if plan.nodes or keep is not None:
            with (
                self._store.leases.begin()
                if keep is None
                else contextlib.nullcontext(keep) as lease
            ):
                self._execute(goals, lease, bool(plan.nodes))
        self._store.realisations.flush_outcomes()
        objects = {goal: self.resolver.object(goal) for goal in goals}
        self._store.leases.note_used(objects.values())
        return objects

    def _execute(self, goals: Sequence[Ref], lease: Lease, lacking: bool) -> None:
        anew = True
        caches = self._find_caches() if lacking else None
        for attempt in range(ATTEMPTS):
            try:
                if caches is not None:
                    caches.fill(_nodes(goals), self.resolver, lease)
                plan = self._leased_plan(goals, lease)
                if not plan.nodes:
                    return
                if self._only_cached:
                    self._check_allowed(plan, _nodes(goals))
                if attempt == 0:
                    # The objects that the plan relies on are leased by now, and no candidates for
                    # removal.
                    self._make_room(False)
                if anew:
                    self._tell(plan)
                self._run(plan, _nodes(goals), lease, caches)
                return
            except (DiskReserve, StoreFull):
                anew = False
                if attempt == ATTEMPTS - 1 or not self._make_room(True):
                    raise
            except MixedInputs:
                # An input has come out as another object: plan anew with what there is now.
                anew = True
                if attempt == ATTEMPTS - 1:
                    raise

    def _tell(self, plan: BuildPlan) -> None:
        """Report the work ahead, and why it is that."""
        # All of this takes long to load, and often there is nothing to tell.
        from store.events import Absent, Mixed, Planned
        from store.scheduler.forecast import planned_nodes

        for each in plan.settled[self._told :]:
            others = tuple(oid.path for oid in each.others)
            self._reporter.emit(Mixed(each.name, each.kept.path, others))
        self._told = len(plan.settled)
        if plan.lost:
            self._reporter.emit(Absent(tuple(oid.path for oid in plan.lost)))
        nodes = planned_nodes(self._store, self._catalogue, plan)
        count = len(plan.builds), len(plan.fetches)
        self._reporter.emit(Planned(*count, nodes, self._options.simultaneous))

    def _run(
        self,
        plan: BuildPlan,
        goals: Collection[bytes],
        lease: Lease,
        caches: Substitution | None,
    ) -> None:
        from store.scheduler.execution import Execution

        execution = Execution(
            self._store,
            self._catalogue,
            self.resolver,
            self._options,
            self._reporter.emit,
            lease,
            caches,
            self._server,
        )
        execution.run(plan, goals)

    def _leased_plan(self, goals: Sequence[Ref], lease: Lease) -> BuildPlan:
        """Return a plan of which all that it takes to be present has been leased before it was
        made."""
        plan = self.plan(goals)
        while lease.add(self._relied_on(goals, plan)):
            plan = self.plan(goals)
        return plan

    def _relied_on(self, goals: Sequence[Ref], plan: BuildPlan) -> set[ObjectId]:
        todo = set(plan.nodes)
        inputs = {ref.node for node in todo for ref in self._catalogue.inputs(node)}
        present = (inputs | {goal.node for goal in goals}) - todo
        return {oid for node in present for oid in self.resolver.objects(node).values()}


def _nodes(goals: Iterable[Ref]) -> list[bytes]:
    return [goal.node for goal in goals]
