"""``store audit ledger``, which is also ``store audit`` alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from store.audit import ledger
from store.cli.commands.audits.drawing import show
from store.cli.context import Context
from store.cli.options import PACKAGE, json_option, seed_option
from store.cli.pages.report import html_option
from store.cli.wording import counted
from store.display import printable
from store.errors import UsageError
from store.model.verdict import AuditFinding


@click.command("ledger")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@click.option(
    "--update",
    is_flag=True,
    help="Write it from the recipes and the realised packages of this store.",
)
@json_option("output")
@html_option
@seed_option
@click.pass_obj
def command(context: Context, packages: tuple[str, ...], update: bool, as_json: bool) -> int:
    """Compare the realised packages of this store with the ledger of the recipes.

    For each seed and package, the ledger holds the derivation of the recipes and the path of its
    output. The given packages on the chosen seed are compared, or else all that this store has ever
    realised. A given package that is not realised here is unknown.

    --update writes all seeds and packages. If this store has not realised a package, its path in
    the ledger stays as long as the derivation is the same.

    Exit code: 0 if every verdict is reproduced, 2 if one is differs, 1 otherwise.
    """
    if update:
        if packages:
            raise UsageError("--update takes no packages: it writes the whole ledger")
        _update(context)
        return 0
    return show(compare(context, packages), as_json=as_json)


def compare(context: Context, packages: Sequence[str]) -> list[AuditFinding]:
    """Return the ledger's findings on the chosen seed, of these packages, or of all that are
    realised."""
    entries = ledger.read(ledger.path_of(context.recipes))
    found = ledger.compare(context.store, context.catalogue, context.seed, entries, packages)
    if packages:
        return found
    here = [finding for finding in found if finding.actual is not None]
    told = (
        f"{len(here)} of the {counted(len(found), 'output')} on the seed {context.seed} "
        f"{'is' if len(here) == 1 else 'are'} realised here"
    )
    click.echo(told, err=True)
    return here


def _update(context: Context) -> None:
    from store.recipes.seeds import read_seeds

    path = ledger.path_of(context.recipes)
    old = ledger.read(path) if os.path.exists(path) else {}
    catalogues = {seed: context.catalogue_on(seed) for seed in read_seeds(context.recipes)}
    entries = ledger.updated(context.store, catalogues, old)
    ledger.write(path, entries)
    changed = [entry for entry in entries if old.get(entry.place) != entry]
    built = sum(entry.object is not None for entry in entries)
    for entry in changed:
        print(" ".join(entry.place), entry.object.path if entry.object else "not built here")
    told = f"{counted(len(entries), 'output')}, {built} of them built, {len(changed)} changed"
    print(f"{printable(path)}: {told}", file=sys.stderr)
