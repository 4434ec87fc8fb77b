"""Repairing what a verification found: from shared files, another store, or by building again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from store.events import Event, Planned
from store.gc.auto_collector import AutoCollector
from store.local.leases import Lease
from store.local.store import Store
from store.local.swaps import clear_leftovers
from store.model.names import ObjectId
from store.reporting import SILENT, Reporter
from store.scheduler.build_options import BuildOptions
from store.scheduler.realise import Realiser
from store.substitute.directory import StoreDirectory
from store.substitute.own_links import SharedFiles
from store.substitute.rebuilder import Rebuilder, Terms
from store.substitute.recorded import Recorded
from store.substitute.substituter import Substituter
from store.verify.object_repair import Mended, ObjectRepair


@dataclass(frozen=True)
class RepairPlan:
    """The ``damaged`` objects, references before their referrers. ``source`` is another store's
    folder to take objects from. Those that nothing else can give are built and fetched again, by
    ``builds``, if any."""

    damaged: Sequence[ObjectId]
    source: str | None = None
    builds: BuildOptions | None = None


def repair(
    store: Store, plan: RepairPlan, reporter: Reporter = SILENT
) -> Generator[Mended, None, None]:
    """Repair each object of a plan, and yield how that ended. ``reporter`` receives the events of
    builds. Raises the errors of :class:`ObjectRepair`."""
    store.check_writable()
    with ExitStack() as stack:
        sources = _sources(store, plan, reporter, stack)
        clear_leftovers(store)
        yield from ObjectRepair(store, sources).run(plan.damaged)


def _sources(
    store: Store, plan: RepairPlan, reporter: Reporter, stack: ExitStack
) -> list[Substituter]:
    """Return the sources of objects, the cheapest first; ``stack`` closes them."""
    sources: list[Substituter] = [stack.enter_context(closing(SharedFiles(store)))]
    if plan.source:
        sources.append(StoreDirectory(plan.source))
    if plan.builds:
        how = plan.builds
        terms = Terms(how.limits, how.offline, how.keep_failed)
        rebuilder = Rebuilder(store, terms, reporter, _Inputs(store, how, reporter))
        sources.append(stack.enter_context(closing(rebuilder)))
    return sources


@dataclass(frozen=True)
class _Inputs:
    """Realises missing inputs of a rebuild when it is called."""

    store: Store
    options: BuildOptions
    reporter: Reporter

    def __call__(self, recorded: Recorded, lease: Lease) -> None:
        realiser = Realiser(
            self.store,
            recorded.catalogue,
            self.options,
            _Uncounted(self.reporter),
            AutoCollector(self.store, self.reporter),
        )
        for node, objects in recorded.objects.items():
            realiser.resolver.learn(node, objects)
        realiser.run(recorded.goals.values(), lease)


class _Uncounted:
    """Hands on all but the size of a plan: rebuilds for a repair are in no plan."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        if not isinstance(event, Planned):
            self._reporter.emit(event)
