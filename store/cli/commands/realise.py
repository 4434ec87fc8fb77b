"""``store realise``: the main job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.options import (
    RunOptions,
    json_option,
    link_option,
    run_options,
)
from store.cli.outputs import named_outputs, realise
from store.cli.parameter_types import PACKAGE
from store.cli.plan_listing import show_plan
from store.cli.wording import counted
from store.display import printable
from store.errors import UsageError

if TYPE_CHECKING:
    pass


@click.command("realise")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@click.option(
    "--affected-since",
    metavar="REV",
    help="Take the packages whose derivations differ from those at this revision of git.",
)
@click.option(
    "--dry-run",
    "-n",
    is_flag=True,
    help="Show the builds and fetches that are needed, and start none.",
)
@json_option("output or failure")
@link_option
@run_options
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    affected_since: str | None,
    dry_run: bool,
    as_json: bool,
    out_link: str | None,
    run: RunOptions,
) -> None:
    """Build or fetch packages and all that they need, and print their store paths.

    Objects that caches have are taken from there, if trusted keys have signed them.
    """
    if bool(packages) == (affected_since is not None):
        raise UsageError("name packages, or a revision with --affected-since")
    if dry_run:
        context.absent = "empty"
    else:
        context.absent = "make"
    if affected_since is not None:
        packages = _affected(context, affected_since)
        if not packages:
            return
    if dry_run:
        goals = [ref for _, ref in named_outputs(context, packages, out_link)]
        show_plan(context, goals, run.builds, run.caches, as_json)
    else:
        realise(
            context,
            packages,
            run.builds,
            run.loudness,
            as_json=as_json,
            out_link=out_link,
            caches=run.caches,
        )


def _affected(context: Context, revision: str) -> tuple[str, ...]:
    """Return the packages that differ from a revision, and name them on standard error."""
    from store.operations.affected import affected

    packages = affected(context.session, revision)
    named = ": " + ", ".join(packages) if packages else ""
    found = counted(len(packages), "package")
    print(printable(f"{found} with another derivation than at {revision}{named}"), file=sys.stderr)
    return tuple(packages)
