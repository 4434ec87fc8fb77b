"""Repairing what a verification found: from shared files, another store, or by building again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from store.events import Event, Planned
from store.local.leases import Lease
from store.local.object_removal import clear_leftovers
from store.model.names import ObjectId
from store.operations.session import Session
from store.reporting import Reporter
from store.scheduler.build_options import BuildOptions
from store.scheduler.realise import Realiser
from store.substitute.directory import StoreDirectory
from store.substitute.own_links import SharedFiles
from store.substitute.rebuilder import Rebuilder, Terms
from store.substitute.recorded import Recorded
from store.substitute.substituter import Substituter
from store.verify.finding import Finding
from store.verify.object_repair import Mended, repair_all
from store.verify.verifier import Verifier


@dataclass(frozen=True)
class RepairOptions:
    """``source`` is another store's folder to take objects from. With ``rebuild``, objects that
    nothing else can give are built and fetched again, by ``builds``."""

    builds: BuildOptions
    source: str | None = None
    rebuild: bool = True


@dataclass(frozen=True)
class RepairOutcome:
    """How many objects were ``damaged``, and the errors that are ``left`` at the end."""

    damaged: int
    left: Sequence[Finding]


def repair(
    session: Session,
    verifier: Verifier,
    chosen: Sequence[ObjectId],
    options: RepairOptions,
    mended: Callable[[Mended], None],
) -> RepairOutcome:
    """Repair every object that a verifier found damaged, and look again at the ``chosen`` ones.

    ``mended`` is given each object as it was dealt with.
    """
    store = session.store
    store.check_writable()
    clear_leftovers(store)
    others: list[Substituter] = [StoreDirectory(options.source)] if options.source else []
    damaged = [item.id for item in verifier.damaged]
    with (
        closing(SharedFiles(store)) as shared,
        closing(_rebuilding(session, options.builds)) as rebuilding,
    ):
        # The cheapest first.
        sources = [shared, *others, *([rebuilding] if options.rebuild else [])]
        for each in repair_all(store, damaged, sources):
            mended(each)
    # Where nothing was wrong, nothing was changed.
    left = _look(session, verifier, chosen) if verifier.outcome.errors else []
    return RepairOutcome(len(damaged), left)


def _rebuilding(session: Session, options: BuildOptions) -> Rebuilder:
    """Return a rebuilder, which has the scheduler realise its missing inputs."""
    store, reporter = session.store, session.reporter

    def realise(remembered: Recorded, lease: Lease) -> None:
        quiet = _Uncounted(reporter)
        realiser = Realiser(store, remembered.catalogue, options, quiet, session.make_room)
        for node, objects in remembered.objects.items():
            realiser.resolver.learn(node, objects)
        realiser.run(remembered.goals.values(), lease)

    terms = Terms(options.limits, options.offline, options.keep_failed)
    return Rebuilder(store, terms, reporter, realise)


class _Uncounted:
    """Hands on all but the size of a plan: rebuilds for a repair are in no plan."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        if not isinstance(event, Planned):
            self._reporter.emit(event)


def _look(session: Session, verifier: Verifier, chosen: Sequence[ObjectId]) -> list[Finding]:
    found: list[Finding] = []
    Verifier(session.store, found.append, contents=verifier.thorough).run(chosen)
    return [finding for finding in found if finding.severity == "error"]
