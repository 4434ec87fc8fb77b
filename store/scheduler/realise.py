"""Realising goals: plan what is missing, execute the plan, name the objects."""

from __future__ import annotations

from collections.abc import Iterable

from store.events import SILENT, Planned, Reporter
from store.knowledge import Knowledge, Plan
from store.model.catalogue import Catalogue
from store.model.derivation import Ref
from store.model.names import ObjectId
from store.scheduler.options import Options
from store.store import Store


class Realiser:
    """Realises goals of one catalogue in one store."""

    def __init__(
        self, store: Store, catalogue: Catalogue, options: Options, reporter: Reporter = SILENT
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._options = options
        self._reporter = reporter
        self.knowledge = Knowledge(store, catalogue, offline=options.offline)

    def plan(self, goals: Iterable[Ref]) -> Plan:
        """What :meth:`run` would do."""
        return self.knowledge.plan([goal.node for goal in goals])

    def run(self, goals: Iterable[Ref]) -> dict[Ref, ObjectId]:
        """Realise every goal; raises the first error once the running jobs have ended."""
        goals = tuple(goals)
        plan = self.plan(goals)
        if plan.nodes:
            from store.scheduler.execution import Execution

            self._store.check_writable()
            self._reporter.emit(Planned(len(plan.builds), len(plan.fetches)))
            with self._store.lease() as lease:
                execution = Execution(
                    self._store,
                    self._catalogue,
                    self.knowledge,
                    self._options,
                    self._reporter.emit,
                    lease,
                )
                execution.run(plan)
        self._store.flush_outcomes()
        return {goal: self.knowledge.object(goal) for goal in goals}
