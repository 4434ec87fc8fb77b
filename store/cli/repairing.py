"""What ``store verify --repair`` does with what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from store.cli.context import Context
from store.model.names import ObjectId
from store.remote.directory import StoreDirectory
from store.verify.finding import Finding
from store.verify.repair import Mended, repair
from store.verify.run import Verifier


def repair_all(
    context: Context,
    verifier: Verifier,
    source: str | None,
    *,
    as_json: bool,
    chosen: Sequence[ObjectId],
) -> int:
    """Repair every damaged object, tell how each ended, and look again; returns the exit code."""
    store = context.store
    store.check_writable()
    sources = [StoreDirectory(source)] if source else []
    for item in verifier.damaged:
        _show(repair(store, item.id, sources), as_json)
    left: list[Finding] = []
    Verifier(store, left.append, contents=verifier.thorough).run(chosen)
    errors = [finding for finding in left if finding.severity == "error"]
    click.echo(f"{len(verifier.damaged)} objects repaired or moved: {len(errors)} left", err=True)
    return 2 if errors else 0


def _show(mended: Mended, as_json: bool) -> None:
    if as_json:
        record = {
            "repaired": mended.object.path,
            "from": mended.how,
            "quarantine": mended.quarantined,
        }
        print(json.dumps(record))
    elif mended.how:
        print(f"repaired: {mended.object.path} (from {mended.how})")
    else:
        print(f"not repaired: {mended.object.path} (quarantine: {mended.quarantined})")
