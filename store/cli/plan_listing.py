"""The work that realising packages would take, as ``store realise --dry-run`` lists it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.plain import Plain, absent_line, mixed_line
from store.cli.wording import counted, estimate_text
from store.graph.resolver import BuildPlan
from store.model.derivation import Ref
from store.quantities import bytes_text, seconds_text

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.scheduler.build_options import BuildOptions
    from store.substitute.cache_sizes import CacheForecast


def show_plan(
    context: Context,
    goals: Sequence[Ref],
    options: BuildOptions,
    caches: CacheOptions | None,
    as_json: bool,
) -> None:
    """Print the objects to take from caches, and the nodes to fetch and to build."""
    context.store  # noqa: B018 (it warns of where it is)
    context.session.reporter = Plain(sys.stderr)
    realiser = context.session.realiser(options, caches)
    plan, forecast = realiser.forecast(goals)
    tell_choices(plan)
    if as_json:
        _print_records(context, plan, forecast)
    elif not plan.nodes and not (forecast and forecast.nodes):
        print("nothing to do")
    else:
        print_work(context, plan, forecast, options)


def tell_choices(plan: BuildPlan) -> None:
    """Say on standard error which objects are missing, and which of several a plan uses."""
    if plan.lost:
        click.echo(absent_line([oid.path for oid in plan.lost]), err=True)
    for settled in plan.settled:
        others = [oid.path for oid in settled.others]
        click.echo(mixed_line(settled.name, settled.kept.path, others), err=True)


def _print_records(context: Context, plan: BuildPlan, forecast: CacheForecast | None) -> None:
    import json

    nodes = context.catalogue.nodes
    for oid, size in forecast.objects.items() if forecast else ():
        sizes = {"download": size.packed, "unpacked": size.unpacked}
        print(json.dumps({"action": "pull", "name": oid.name, "path": oid.path, **sizes}))
    for action, keys in (("fetch", plan.fetches), ("build", plan.builds)):
        for key in keys:
            record = {"action": action, "name": nodes[key].name, "derivation": key.hex()}
            print(json.dumps(record))


def print_work(
    context: Context, plan: BuildPlan, forecast: CacheForecast | None, options: BuildOptions
) -> None:
    """Print the work for people: sums, the names of all nodes, and the time that it takes."""
    from store.scheduler.forecast import TimeForecast, planned_nodes

    ahead = planned_nodes(context.store, context.catalogue, plan)
    expected = {node.key: node.expected for node in ahead}
    if forecast:
        print(_totals(forecast))
        _print_list("from caches", {oid.name: None for oid in forecast.objects})
    nodes = context.catalogue.nodes
    for title, keys in (("to fetch", plan.fetches), ("to build", plan.builds)):
        _print_list(title, {nodes[key].name: expected[key] for key in keys})
    estimate = estimate_text(TimeForecast(ahead, options.simultaneous).left(expected, {}))
    if plan.builds and estimate:
        sys.stdout.flush()
        click.echo(f"{estimate} in all", err=True)


def _totals(forecast: CacheForecast) -> str:
    packed, unpacked = bytes_text(forecast.packed), bytes_text(forecast.unpacked)
    fetches = len(forecast.left.fetches)
    parts = [
        f"{counted(len(forecast.objects), 'object')} from caches "
        f"({packed} to download, {unpacked} unpacked)",
        *([f"{fetches} to fetch"] if fetches else []),
        f"{len(forecast.left.builds)} to build",
    ]
    return ", ".join(parts)


def _print_list(title: str, names: Mapping[str, float | None]) -> None:
    if names:
        print(f"{title}:")
    for name, usual in names.items():
        print(f"  {name}" + (f"  ({seconds_text(usual)})" if usual else ""))
