"""What ``store verify --repair`` does with what it found."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import click

from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.room import room_maker
from store.cli.wording import counted
from store.events import Event, Planned, Reporter
from store.jobs.lower import Limits
from store.local.discarding import clear_leftovers
from store.local.store import Lease
from store.model.names import ObjectId
from store.scheduler.options import Options
from store.scheduler.realise import Realiser
from store.substitute.directory import StoreDirectory
from store.substitute.rebuilding import Rebuilding, Terms
from store.substitute.remembered import Remembered
from store.substitute.shared import SharedFiles
from store.substitute.substituter import Substituter
from store.verify.finding import Finding
from store.verify.repair import Mended, repair_all
from store.verify.run import Verifier


class Repair(NamedTuple):
    """How to repair. ``source`` is another store's folder; ``options`` are those of builds."""

    source: str | None
    rebuild: bool
    options: Options
    as_json: bool


def repair_found(
    context: Context, asked: Repair, verifier: Verifier, chosen: Sequence[ObjectId]
) -> int:
    """Repair every damaged object, tell how each ended, and look again; returns the exit code."""
    store = context.store
    store.check_writable()
    clear_leftovers(store)
    others: list[Substituter] = [StoreDirectory(asked.source)] if asked.source else []
    damaged = [item.id for item in verifier.damaged]
    with (
        closing(make_reporter(sys.stderr)) as reporter,
        closing(SharedFiles(store)) as shared,
        closing(_rebuilding(context, asked.options, reporter)) as rebuilding,
    ):
        # What costs least first.
        sources = [shared, *others, *([rebuilding] if asked.rebuild else [])]
        for mended in repair_all(store, damaged, sources):
            _show(mended, asked.as_json)
    # Where nothing was wrong, nothing was changed.
    left = _look(context, verifier, chosen) if verifier.outcome.errors else []
    told = counted(len(damaged), "object")
    click.echo(f"{told} repaired or moved: {counted(len(left), 'finding')} left", err=True)
    return 2 if left else 0


def _rebuilding(context: Context, options: Options, reporter: Reporter) -> Rebuilding:
    """Building again, which has the scheduler realise what that takes and is gone."""
    store = context.store

    def realise(remembered: Remembered, lease: Lease) -> None:
        make_room = room_maker(context, reporter)
        told = _Uncounted(reporter)
        realiser = Realiser(store, remembered.catalogue, options, told, make_room)
        for node, objects in remembered.objects.items():
            realiser.knowledge.learn(node, objects)
        realiser.run(remembered.goals.values(), lease)

    limits = Limits(options.cores, options.timeout, options.max_silent, max_log=options.max_log)
    terms = Terms(limits, options.offline, options.keep_failed)
    return Rebuilding(store, terms, reporter, realise)


class _Uncounted:
    """Hands on all but how much a plan comes to: what is built again besides is in no plan."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        if not isinstance(event, Planned):
            self._reporter.emit(event)


def _look(context: Context, verifier: Verifier, chosen: Sequence[ObjectId]) -> list[Finding]:
    found: list[Finding] = []
    Verifier(context.store, found.append, contents=verifier.thorough).run(chosen)
    return [finding for finding in found if finding.severity == "error"]


def _show(mended: Mended, as_json: bool) -> None:
    if as_json:
        record = {
            "repaired": mended.object.path,
            "from": mended.how,
            "quarantine": mended.quarantined,
            "reasons": dict(mended.reasons),
        }
        print(json.dumps(record), flush=True)
        return
    if mended.how:
        print(f"repaired: {mended.object.path} (from {mended.how})", flush=True)
        return
    print(f"not repaired: {mended.object.path} (quarantine: {mended.quarantined})", flush=True)
    for name, reason in mended.reasons:
        print(f"  from {name}: {reason}", flush=True)
