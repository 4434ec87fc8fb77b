"""``store gc``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.dry_run import (
    dead_objects,
    generation_lines,
    show_plan,
    told_holders,
    unseen_records,
)
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import PACKAGE, Duration, RetentionRule, Size
from store.display import printable
from store.errors import StorageError, StoreError, UsageError
from store.gc.plan import CollectionPlan
from store.gc.policy import Policy
from store.gc.settings import load
from store.layout.paths import Layout
from store.system.parallel import uncollected

if TYPE_CHECKING:
    from store.gc.collector import CollectionOutcome, Collector
    from store.profiles.retention import Retention
    from store.usage.why import Chain


_NAMED = 10
"""The most objects named that could not be deleted; ``--json`` names all."""


@click.group("gc", invoke_without_command=True)
@click.option(
    "--dry-run",
    "-n",
    is_flag=True,
    help="Show the objects to delete and the reasons, and delete nothing.",
)
@click.option("--max-freed", type=Size(), metavar="SIZE", help="Stop when SIZE bytes were freed.")
@click.option("--keep-free", type=Size(), metavar="SIZE", help="Stop when SIZE bytes are free.")
@click.option(
    "--older-than", type=Duration(), help="Spare objects that were used within this time, as 7d."
)
@click.option(
    "--keep-derivations", is_flag=True, help="Keep the inputs of the builds of live objects."
)
@click.option(
    "--keep-generations",
    type=RetentionRule(),
    metavar="RULE",
    help="Delete old generations of profiles first: all but the newest N (5), those of some time "
    "(30d), or both (5,30d).",
)
@click.option(
    "--ignore-config", is_flag=True, help="Ignore the rules of config.toml for objects to spare."
)
@json_option("object")
@click.pass_context
def command(
    ctx: click.Context,
    dry_run: bool,
    max_freed: int | None,
    keep_free: int | None,
    older_than: float | None,
    keep_derivations: bool,
    keep_generations: Retention | None,
    ignore_config: bool,
    as_json: bool,
) -> None:
    """Delete all objects that nothing keeps.

    Objects are kept by links made with --out-link, by named roots (`store root`), by running builds
    and programs, and by other kept objects. With a bound, the objects that were used longest ago
    are deleted first. The rules of config.toml for objects to spare hold here too.
    """
    policy = Policy(
        max_freed, keep_free, older_than, keep_derivations, keep_generations=keep_generations
    )
    if ctx.invoked_subcommand is not None:
        if dry_run or as_json or ignore_config or policy != Policy():
            raise UsageError(f"options of {ctx.invoked_subcommand} go after its name")
        return
    context = ctx.obj
    assert isinstance(context, Context)
    if not ignore_config:
        policy = load(Layout(context.root)).completed(policy)
    if dry_run:
        with uncollected():
            show_plan(context.store, policy, as_json=as_json)
        return
    from store.cli.draw import make_reporter
    from store.gc.collector import Collector

    context.collecting = True
    reporter = make_reporter(sys.stderr)
    collector = Collector(context.store, reporter)
    try:
        plan = collector.collect(policy)
    finally:
        reporter.close()
    _report(collector, plan, as_json)
    refuse_partial(collector.outcome)


@command.command("why-alive", short_help="Show the reason that an object is kept.")
@click.argument("object", metavar="PATH", type=PACKAGE)
@json_option()
@seed_option
@click.pass_obj
def why(context: Context, object: str, as_json: bool) -> int:
    """Show the reason that an object is kept: a chain from a root, lease or process.

    The exit code is 1 if nothing keeps it.
    """
    from store.usage.why import why_alive

    oid = context.object(object)
    chain = why_alive(context.store, oid)
    if as_json:
        print(json.dumps({"path": oid.path, "alive": chain is not None} | chain_record(chain)))
        return 0 if chain else 1
    if chain is None:
        raise StoreError(f"nothing keeps {oid}", hint="the next `store gc` may delete it")
    for line in chain_lines(chain):
        print(line)
    return 0


def chain_lines(chain: Chain) -> Iterator[str]:
    """Yield a chain for people, one object a line."""
    yield str(chain.holder)
    for depth, oid in enumerate(chain.objects):
        yield f"{'   ' * depth}└─ {oid.path}"


def chain_record(chain: Chain | None) -> dict[str, object]:
    """Return a chain for programs."""
    if chain is None:
        return {}
    holder = {"kind": chain.holder.kind.value, "name": chain.holder.name}
    return {"holder": holder, "chain": [oid.path for oid in chain.objects]}


def refuse_partial(outcome: CollectionOutcome) -> None:
    """Raise StorageError, when all is done, with the paths that the system did not let go of."""
    left = [*outcome.undeleted.values()]
    left += [f"{path}: {why}" for path, why in outcome.refused.items()]
    if not left:
        return
    lines = [f"  {printable(each)}" for each in left[:_NAMED]]
    if len(left) > _NAMED:
        lines.append(f"  and {len(left) - _NAMED} more")
    raise StorageError(
        "\n".join([f"could not be deleted, and all else was: {len(left)}", *lines]),
        hint="each run tries again; `lsattr -d` and `findmnt` show the likely cause",
    )


def _report(collector: Collector, plan: CollectionPlan, as_json: bool) -> None:
    outcome = collector.outcome
    if as_json:
        for oid in outcome.deleted:
            print(json.dumps({"deleted": oid.path}))
        record = {
            "objects": len(outcome.deleted),
            "freed": outcome.freed,
            "downloads": outcome.downloads,
            "logs": outcome.logs,
            "trees": outcome.trees,
            "generations": outcome.generations,
            "spared": plan.spared,
            "dead_roots": [root.path for root in plan.holders.dead],
            "unseen_roots": unseen_records(plan.holders.roots.unseen()),
            "dropped_roots": outcome.dropped_roots,
            "dropped_leases": outcome.dropped_leases,
            "unseen_processes": plan.holders.unseen,
            "undeleted": {oid.path: why for oid, why in outcome.undeleted.items()},
            "refused": {printable(path): why for path, why in outcome.refused.items()},
            "longest_hold_ms": round(outcome.longest_hold * 1000, 1),
            "seconds": round(outcome.seconds, 3),
        }
        print(json.dumps({"summary": record}))
        return
    for line in generation_lines(outcome.generations, "deleted"):
        click.echo(line, err=True)
    for line in told_holders(plan.holders, dropped=True):
        click.echo(line, err=True)
    if not outcome.deleted and not outcome.freed:
        click.echo(_nothing(plan), err=True)


def _nothing(plan: CollectionPlan) -> str:
    """Return why nothing was deleted."""
    if plan.dead and plan.policy.bounded:
        return (
            f"nothing had to be deleted: the bound is reached, with {dead_objects(len(plan.dead))}"
        )
    if plan.spared:
        return f"nothing was deleted: {dead_objects(plan.spared)} spared as used lately"
    return "nothing is dead that could be deleted"
