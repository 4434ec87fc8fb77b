"""``store realise``: the main job."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.draw import Loudness, make_reporter
from store.cli.options import (
    PACKAGE,
    execution_options,
    json_option,
    link_option,
    loudness_options,
    seed_option,
)
from store.cli.plain import absent_line, mixed_line
from store.cli.wording import estimate_text
from store.errors import StoreError, UsageError
from store.events import Event, Reporter, Unrealised
from store.quantities import seconds_text

if TYPE_CHECKING:
    from store.graph.resolver import BuildPlan
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
    context.absent = "empty" if dry_run else "make"
    goals = [(text, ref) for text in packages for ref in context.catalogue.refs(text)]
    if out_link and len(goals) > 1:
        raise UsageError("--out-link takes one output")
    reporter = make_reporter(sys.stderr, loudness)
    failures = _Failures(reporter)
    context.session.reporter = failures
    context.store  # noqa: B018 (it warns of where it is)
    realiser = context.session.realiser(options)
    if dry_run:
        _show_plan(context, options, realiser.plan([ref for _, ref in goals]), as_json)
        return
    # With a link to be made, what it is to name is held until it is there.
    with context.store.lease() if out_link else contextlib.nullcontext() as keep:
        try:
            objects = realiser.run([ref for _, ref in goals], keep)
        except StoreError:
            if as_json:
                _print_failure(failures.last)
            raise
        finally:
            reporter.close()
        if out_link:
            context.store.link_root(out_link, objects[goals[0][1]])
    for text, ref in goals:
        oid = objects[ref]
        if as_json:
            import json

            record = {
                "package": text,
                "output": ref.output,
                "path": oid.path,
                "physical": context.store.layout.object(oid),
                "derivation": ref.node.hex(),
            }
            print(json.dumps(record))
        else:
            print(oid.path)


class _Failures:
    """Hands events on, and keeps how the last run failed."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.last: Unrealised | None = None

    def emit(self, event: Event) -> None:
        """Hand ``event`` on."""
        if isinstance(event, Unrealised):
            self.last = event
        self._reporter.emit(event)


def _print_failure(event: Unrealised | None) -> None:
    """A line for each failure and for each node that was not tried for one."""
    import json

    for failed in event.failed if event else ():
        record = {
            "failed": failed.name,
            "derivation": failed.key.hex(),
            "error": str(failed.error),
            "exit_code": getattr(failed.error, "exit_code", 1),
        }
        print(json.dumps(record))
    for undone in event.undone if event else ():
        needs = {"derivation": undone.key.hex(), "needs": undone.needs}
        print(json.dumps({"undone": undone.name} | needs))


def _show_plan(context: Context, options: BuildOptions, plan: BuildPlan, as_json: bool) -> None:
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
    for title, keys in (("to fetch", plan.fetches), ("to build", plan.builds)):
        if keys:
            print(f"{title}:")
        for key in keys:
            usual = expected[key]
            print(f"  {nodes[key].name}" + (f"  ({seconds_text(usual)})" if usual else ""))
    estimate = estimate_text(TimeForecast(ahead, options.simultaneous).left(expected, {}))
    if plan.builds and estimate:
        sys.stdout.flush()
        click.echo(f"{estimate} in all", err=True)
