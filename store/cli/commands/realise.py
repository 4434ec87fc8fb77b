"""``store realise``: the main job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.draw import Loudness
from store.cli.options import (
    PACKAGE,
    execution_options,
    json_option,
    link_option,
    loudness_options,
    seed_option,
)
from store.cli.outputs import named_outputs, realise
from store.cli.plain import absent_line, mixed_line
from store.cli.wording import estimate_text
from store.quantities import seconds_text

if TYPE_CHECKING:
    from store.model.derivation import Ref
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
@loudness_options
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    out_link: str | None,
    options: BuildOptions,
    loudness: Loudness,
) -> None:
    """Build or fetch packages and all that they need, and print their store paths."""
    if dry_run:
        context.absent = "empty"
        goals = [ref for _, ref in named_outputs(context, packages, out_link)]
        _show_plan(context, goals, options, as_json)
    else:
        realise(context, packages, options, loudness, as_json=as_json, out_link=out_link)


def _show_plan(
    context: Context, goals: Sequence[Ref], options: BuildOptions, as_json: bool
) -> None:
    context.store  # noqa: B018 (it warns of where it is)
    plan = context.session.realiser(options).plan(goals)
    nodes = context.catalogue.nodes
    if plan.lost:
        click.echo(absent_line([oid.path for oid in plan.lost]), err=True)
    for settled in plan.settled:
        others = [oid.path for oid in settled.others]
        click.echo(mixed_line(settled.name, settled.kept.path, others), err=True)
    if as_json:
        import json

        for action, keys in (("fetch", plan.fetches), ("build", plan.builds)):
            for key in keys:
                record = {"action": action, "name": nodes[key].name, "derivation": key.hex()}
                print(json.dumps(record))
        return
    if not plan.nodes:
        print("nothing to do")
        return
    from store.scheduler.forecast import TimeForecast, planned_nodes

    ahead = planned_nodes(context.store, context.catalogue, plan)
    expected = {node.key: node.expected for node in ahead}
    left = TimeForecast(ahead, options.simultaneous).left(expected, {})
    for title, keys in (("to fetch", plan.fetches), ("to build", plan.builds)):
        if keys:
            print(f"{title}:")
        for key in keys:
            usual = expected[key]
            print(f"  {nodes[key].name}" + (f"  ({seconds_text(usual)})" if usual else ""))
    estimate = estimate_text(left)
    if plan.builds and estimate:
        sys.stdout.flush()
        click.echo(f"{estimate} in all", err=True)
