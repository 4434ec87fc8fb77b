"""The lines of ``store verify --repair``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing

import click

from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.wording import counted
from store.model.names import ObjectId
from store.operations.repair import RepairOptions, repair
from store.verify.object_repair import Mended
from store.verify.verifier import Verifier


def repair_found(
    context: Context,
    options: RepairOptions,
    verifier: Verifier,
    chosen: Sequence[ObjectId],
    *,
    as_json: bool,
) -> int:
    """Repair every damaged object, show how each ended, and look again; returns the exit code."""
    with closing(make_reporter(sys.stderr)) as reporter:
        context.session.reporter = reporter
        outcome = repair(
            context.session, verifier, chosen, options, lambda mended: _show(mended, as_json)
        )
    done = counted(outcome.damaged, "object")
    click.echo(f"{done} repaired or moved: {counted(len(outcome.left), 'finding')} left", err=True)
    return 2 if outcome.left else 0


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
