"""``store gc``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, Duration, Size, seed_option
from store.cli.quantities import bytes_text, seconds_text
from store.cli.wording import counted
from store.errors import StoreError, UsageError, printable
from store.gc.holders import Holders
from store.gc.plan import Plan, make_plan
from store.gc.policy import Policy
from store.gc.space import Forecast
from store.model.names import STORE_DIR
from store.objects.portions import uncollected
from store.store import Store

if TYPE_CHECKING:
    from store.gc.collector import Collector
    from store.gc.why import Chain

CROWD = 20_000
"""Dead objects that are looked at together."""


@click.group("gc", invoke_without_command=True)
@click.option("--dry-run", "-n", is_flag=True, help="Show what would be deleted, and why.")
@click.option("--max-freed", type=Size(), metavar="SIZE", help="Stop once so much was freed.")
@click.option("--keep-free", type=Size(), metavar="SIZE", help="Stop once so much is free.")
@click.option(
    "--older-than", type=Duration(), metavar="TIME", help="Spare what was used within this time."
)
@click.option("--keep-derivations", is_flag=True, help="Keep what live objects were built from.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.pass_context
def command(
    ctx: click.Context,
    dry_run: bool,
    max_freed: int | None,
    keep_free: int | None,
    older_than: float | None,
    keep_derivations: bool,
    as_json: bool,
) -> None:
    """Delete what nothing keeps.

    Objects are kept by links made with --out-link, by named roots (`store root`), by builds and
    programs that run, and by other objects that are kept. With a bound, what was used longest ago
    goes first.
    """
    policy = Policy(max_freed, keep_free, older_than, keep_derivations)
    if ctx.invoked_subcommand is not None:
        if dry_run or as_json or policy != Policy():
            raise UsageError(f"options of {ctx.invoked_subcommand} stand after its name")
        return
    context = ctx.obj
    assert isinstance(context, Context)
    if dry_run:
        with uncollected():
            _show_plan(context.store, policy, as_json)
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


@command.command("why-alive")
@click.argument("object", metavar="PATH", type=PACKAGE)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@seed_option
@click.pass_obj
def why(context: Context, object: str, as_json: bool) -> int:
    """Show what keeps an object: a chain from something that is held.

    The exit code is 1 when nothing keeps it.
    """
    from store.gc.why import why_alive

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
    """A chain for people, one object a line."""
    yield str(chain.holder)
    for depth, oid in enumerate(chain.objects):
        yield f"{'   ' * depth}└─ {oid.path}"


def chain_record(chain: Chain | None) -> dict[str, object]:
    """A chain for programs."""
    if chain is None:
        return {}
    holder = {"kind": chain.holder.kind.value, "name": chain.holder.name}
    return {"holder": holder, "chain": [oid.path for oid in chain.objects]}


def _report(collector: Collector, plan: Plan, as_json: bool) -> None:
    outcome = collector.outcome
    if as_json:
        for oid in outcome.deleted:
            print(json.dumps({"deleted": oid.path}))
        record = {
            "objects": len(outcome.deleted),
            "freed": outcome.freed,
            "dropped_roots": outcome.dropped_roots,
            "dropped_leases": outcome.dropped_leases,
            "longest_hold_ms": round(outcome.longest_hold * 1000, 1),
            "seconds": round(outcome.seconds, 3),
        }
        print(json.dumps({"summary": record}))
        return
    for line in _holders(plan.holders, dropped=True):
        click.echo(line, err=True)
    if not outcome.deleted and not outcome.freed:
        click.echo(_nothing(plan), err=True)


def _nothing(plan: Plan) -> str:
    """Why nothing was deleted."""
    if plan.dead and plan.policy.bounded:
        return f"nothing had to be deleted: the bound is reached, with {_dead(len(plan.dead))}"
    if plan.spared:
        return f"nothing was deleted: {_dead(plan.spared)} spared as used lately"
    return "nothing is dead that could be deleted"


def _dead(count: int) -> str:
    return counted(count, "dead object")


def _holders(holders: Holders, *, dropped: bool) -> Iterator[str]:
    verb = "dropped" if dropped else "would drop"
    for root in holders.dead:
        name = printable(root.path or root.name)
        yield f"{verb} the root {name}: its link is gone, or leads out of the store"
    if holders.stale:
        yield f"{verb} {counted(holders.stale, 'lease')} of processes that are gone"
    if holders.unseen:
        yield (
            f"{counted(holders.unseen, 'process')} could not be looked at (wholly); what nobody "
            "else uses does not count as used"
        )


def _show_plan(store: Store, policy: Policy, as_json: bool) -> None:
    plan = make_plan(store, policy)
    free, freed, shown = store.free_bytes(), 0, 0
    for victims in _victims(store, plan):
        lines = []
        for name, size, used in victims:
            if policy.bounded and policy.wanted(freed, free + freed) == 0:
                break
            freed += size
            lines.append(_record(name, size, used) if as_json else _line(name, size, used))
        shown += len(lines)
        # Together: there may be a million.
        sys.stdout.writelines(lines)
        if len(lines) < len(victims):
            break
    if as_json:
        print(json.dumps({"summary": _summary(plan, shown, freed)}))
        return
    for line in _holders(plan.holders, dropped=False):
        print(line)
    kinds = [holder.kind.value for holder in plan.holders.alive]
    by = ", ".join(f"{kinds.count(kind)} by {kind}" for kind in dict.fromkeys(kinds))
    spared = f", {plan.spared} spared as used lately" if plan.spared else ""
    are = "is" if plan.live == 1 else "are"
    kept = f"{plan.live} of {counted(plan.total, 'object')} {are} kept"
    print(f"{kept} ({by or 'by nothing'}){spared}")
    left = f"; {_dead(len(plan.dead) - shown)} would be left" if shown < len(plan.dead) else ""
    print(f"{shown} would be deleted, which frees {bytes_text(freed)}{left}")


def _victims(store: Store, plan: Plan) -> Iterator[list[tuple[str, int, int | None]]]:
    """What may go, in order, some at a time, as ``<digest>-<name>``: with the bytes freed when
    those before it are gone, and its last use if that is known."""
    forecast = Forecast(store)
    with store.index.read() as txn:
        for start in range(0, len(plan.dead), CROWD):
            numbers = plan.dead[start : start + CROWD]
            used = (
                dict(zip(numbers, plan.used[start : start + CROWD], strict=True))
                if plan.used
                else {}
            )
            # A collection that goes on may have taken some of them meanwhile.
            named = txn.named(numbers)
            freed = forecast.freed_by(list(named.values()))
            yield [
                (name, size, used.get(number))
                for (number, name), size in zip(named.items(), freed, strict=True)
            ]


def _record(name: str, size: int, used: int | None) -> str:
    # Written out: no character of a path needs escaping.
    last = "" if used is None else f', "last_used": {used}'
    path = f"{STORE_DIR}/{name}"
    return f'{{"path": "{path}", "frees": {size}, "why": "nothing keeps it"{last}}}\n'


def _line(name: str, size: int, used: int | None) -> str:
    since = "" if used is None else f"  last used {seconds_text(max(0.0, time.time() - used))} ago"
    return f"{bytes_text(size):>12}  {STORE_DIR}/{name}{since}\n"


def _summary(plan: Plan, count: int, freed: int) -> dict[str, object]:
    holders = plan.holders
    return {
        "objects": count,
        "frees": freed,
        "total": plan.total,
        "live": plan.live,
        "spared": plan.spared,
        "dead_roots": [root.path for root in holders.dead],
        "stale_leases": holders.stale,
        "unseen_processes": holders.unseen,
    }
