"""``store realise``: the main job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.draw import Loudness
from store.cli.options import (
    PACKAGE,
    cache_options,
    execution_options,
    json_option,
    link_option,
    loudness_options,
    seed_option,
)
from store.cli.outputs import named_outputs, realise
from store.cli.plan_listing import show_plan

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.scheduler.build_options import BuildOptions


@click.command("realise")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
@click.option(
    "--dry-run",
    "-n",
    is_flag=True,
    help="Show the builds and fetches that are needed, and start none.",
)
@json_option("output or failure")
@link_option
@seed_option
@execution_options
@cache_options
@loudness_options
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    out_link: str | None,
    options: BuildOptions,
    caches: CacheOptions | None,
    loudness: Loudness,
) -> None:
    """Build or fetch packages and all that they need, and print their store paths.

    Objects that caches have are taken from there, if trusted keys have signed them.
    """
    if dry_run:
        context.absent = "empty"
        goals = [ref for _, ref in named_outputs(context, packages, out_link)]
        show_plan(context, goals, options, caches, as_json)
    else:
        realise(
            context,
            packages,
            options,
            loudness,
            as_json=as_json,
            out_link=out_link,
            caches=caches,
        )
