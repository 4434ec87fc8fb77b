"""What ``store verify --repair`` does with what it found."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing

import click

from store.cli.context import Context
from store.cli.draw import make_reporter
from store.model.names import ObjectId
from store.remote.directory import StoreDirectory
from store.remote.rebuilding import Rebuilding
from store.remote.shared import SharedFiles
from store.remote.substituter import Substituter
from store.scheduler.options import default_cores
from store.verify.finding import Finding
from store.verify.repair import Mended, repair_all, set_aside_pool
from store.verify.run import Verifier


def repair_found(
    context: Context,
    verifier: Verifier,
    source: str | None,
    *,
    rebuild: bool,
    as_json: bool,
    chosen: Sequence[ObjectId],
) -> int:
    """Repair every damaged object, tell how each ended, and look again; returns the exit code."""
    store = context.store
    store.check_writable()
    others: list[Substituter] = [StoreDirectory(source)] if source else []
    damaged = [item.id for item in verifier.damaged]
    with (
        closing(make_reporter(sys.stderr)) as reporter,
        closing(SharedFiles(store)) as shared,
        closing(Rebuilding(store, default_cores(), reporter)) as rebuilding,
    ):
        # What costs least first.
        sources = [shared, *others, *([rebuilding] if rebuild else [])]
        for mended in repair_all(store, damaged, sources):
            _show(mended, as_json)
    left = _look(context, verifier, chosen)
    moved = set_aside_pool(store.layout, left)
    for folder in moved:
        _show_moved(folder, as_json)
    if moved:
        left = _look(context, verifier, chosen)
    click.echo(f"{len(damaged)} objects repaired or moved: {len(left)} findings left", err=True)
    return 2 if left else 0


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


def _show_moved(folder: str, as_json: bool) -> None:
    record = json.dumps({"repaired": None, "from": None, "quarantine": folder, "reasons": {}})
    print(record if as_json else f"moved away from links/ (quarantine: {folder})", flush=True)
