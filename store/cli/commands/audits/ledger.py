"""``store audit ledger``, which is also ``store audit`` alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import click

from store.audit import ledger, ledger_file
from store.audit.ledger_file import LADDER, WORLD, LedgerKind
from store.cli.commands.audits.drawing import show
from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.pages.report import html_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.display import printable, quoted
from store.errors import UsageError
from store.model.verdict import AuditFinding


@click.command("ledger")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@click.option(
    "--update",
    is_flag=True,
    help="Write it from the recipes and the realised packages of this store.",
)
@click.option("--world", is_flag=True, help="Take the ledger of the world, not the ladder's.")
@json_option("output")
@html_option
@seed_option
@click.pass_obj
def command(
    context: Context, packages: tuple[str, ...], update: bool, world: bool, as_json: bool
) -> int:
    """Compare the realised packages of this store with the ledger of the recipes.

    For each seed and package, the ledger holds the derivation of the recipes and the path of its
    output; there is one for the ladder, and one for the world. The given packages on the chosen
    seed are compared, or else all of the ledger that this store has ever realised. A given package
    that is not realised here is unknown.

    --update writes all seeds and packages. If this store has not realised a package, its path in
    the ledger stays as long as the derivation is the same.

    Exit code: 0 if every verdict is reproduced, 2 if one is differs, 1 otherwise.
    """
    kind = WORLD if world else LADDER
    if update:
        if packages:
            raise UsageError("--update takes no packages: it writes the whole ledger")
        _update(context, kind)
        return 0
    if not packages:
        return show(compare(context, kind), as_json=as_json)
    return show(_compare_named(context, packages, world=world), as_json=as_json)


def compare(context: Context, kind: LedgerKind = LADDER) -> list[AuditFinding]:
    """Return a ledger's findings on the chosen seed, of all that is realised."""
    found = _compare(context, kind)
    here = [finding for finding in found if finding.actual is not None]
    told = (
        f"{len(here)} of the {counted(len(found), 'output')} on the seed {context.seed} "
        f"{'is' if len(here) == 1 else 'are'} realised here"
    )
    click.echo(told, err=True)
    return here


def _compare_named(
    context: Context, names: Sequence[str], *, world: bool
) -> Iterator[AuditFinding]:
    """Yield the findings of packages, by the ledgers that have them."""
    kinds = {name: ledger.kind_of(context.catalogue, name) for name in names}
    for name, kind in kinds.items():
        if world and kind is LADDER:
            raise UsageError(
                f"{quoted(name)} is not in the ledger of the world", hint="leave out --world"
            )
    for kind in (LADDER, WORLD):
        chosen = [name for name in names if kinds[name] is kind]
        if chosen:
            yield from _compare(context, kind, chosen)


def _compare(context: Context, kind: LedgerKind, names: Sequence[str] = ()) -> list[AuditFinding]:
    entries = ledger_file.read(ledger_file.path_of(context.recipes, kind), kind)
    return ledger.compare(context.store, context.catalogue, context.seed, entries, names, kind)


def _update(context: Context, kind: LedgerKind) -> None:
    from store.recipes.seeds import read_seeds

    path = ledger_file.path_of(context.recipes, kind)
    old = ledger_file.read(path, kind) if os.path.exists(path) else {}
    catalogues = {seed: context.catalogue_on(seed) for seed in read_seeds(context.recipes)}
    entries = ledger.updated(context.store, catalogues, old, kind)
    ledger_file.write(path, entries, kind)
    changed = [entry for entry in entries if old.get(entry.place) != entry]
    built = sum(entry.object is not None for entry in entries)
    for entry in changed:
        print(" ".join(entry.place), entry.object.path if entry.object else "not built here")
    told = f"{counted(len(entries), 'output')}, {built} of them built, {len(changed)} changed"
    print(f"{printable(path)}: {told}", file=sys.stderr)
