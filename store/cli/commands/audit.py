"""``store audit``: the group; each subcommand has a module in ``store.cli.commands.audits``."""

from __future__ import annotations

import click

from store.cli.commands.audits.drawing import show
from store.cli.context import Context
from store.cli.lazy import LazyGroup
from store.cli.misuse import FindingCommand
from store.cli.options import json_option, seed_option
from store.cli.pages.report import html_option

SUBCOMMANDS = {
    "rebuild": "Build packages of the store again, and compare",
    "stages": "Compare stage with stage, and seed with seed",
    "challenge": "Compare with the statements of other builders",
    "ledger": "Compare with the ledger that comes with the recipes, or update it",
}


class Audits(FindingCommand, LazyGroup):
    """The group, in which exit code 2 means that an output differs."""


@click.group(
    "audit",
    cls=Audits,
    summaries=SUBCOMMANDS,
    package="store.cli.commands.audits",
    former={"against": "challenge"},
    invoke_without_command=True,
)
@json_option("output")
@html_option
@seed_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Check that builds give the same result: again, on other seeds, or elsewhere.

    Without a subcommand, compare all realised packages of this store with the ledger of the
    recipes. (`store audit ledger` does the same for chosen packages.)

    A verdict is reproduced, differs, failed (the build or the reading failed) or unknown (there is
    nothing to compare with). The exit code is 0 if every verdict is reproduced, 2 if one is
    differs, and 1 otherwise. Errors have their own codes, as for every command; a wrong command
    line is 64 here.
    """
    ctx.obj.absent = "empty"  # of which nothing is known
    if ctx.invoked_subcommand is not None:
        return 0
    from store.cli.commands.audits.ledger import compare

    context = ctx.obj
    assert isinstance(context, Context)
    return show(compare(context), as_json=as_json)
