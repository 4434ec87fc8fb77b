"""``store system``: the system that a machine of this distribution runs, in generations."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.options import (
    RunOptions,
    json_option,
    run_options,
)
from store.cli.outputs import drawn
from store.cli.parameter_types import PACKAGE
from store.cli.profile_text import print_history, print_upgrade
from store.cli.wording import counted
from store.display import printable
from store.quantities import bytes_text

if TYPE_CHECKING:
    from store.model.names import ObjectId
    from store.operations.profile_changes import ProfileStep
    from store.operations.system_changes import SystemChanges
    from store.profiles.generations import Generation


@click.group("system")
def command() -> None:
    """Change the system that this machine runs, and go back to earlier states.

    A system is one of the packages `system.NAME`. Each change makes a new generation; the machine
    starts the one that was chosen last, and an earlier one if that does not come up. `build` works
    on any host, the others on a machine that runs such a system: docs/system.md.
    """


@command.command("build")
@click.argument("name", metavar="NAME", type=PACKAGE)
@run_options
@click.pass_obj
def build(
    context: Context,
    name: str,
    run: RunOptions,
) -> None:
    """Build or fetch a system, and print its store path."""
    context.absent = "make"
    changes = _changes(context, run)
    with drawn(context, run.loudness):
        objects = changes.build(name)
    for oid in objects:
        print(oid.path)


@command.command("switch")
@click.argument("name", metavar="NAME|OBJECT", type=PACKAGE)
@run_options
@click.pass_obj
def switch(
    context: Context,
    name: str,
    run: RunOptions,
) -> None:
    """Build or fetch a system, and run it from now on.

    Its programs and files are there at once, and services that changed begin anew. A new kernel
    starts at the next `reboot`.
    """
    _choose(context, name, run, now=True)


@command.command("boot", short_help="Build or fetch a system, and run it from the next start.")
@click.argument("name", metavar="NAME|OBJECT", type=PACKAGE)
@run_options
@click.pass_obj
def boot(
    context: Context,
    name: str,
    run: RunOptions,
) -> None:
    """Build or fetch a system, and run it from the machine's next start."""
    _choose(context, name, run, now=False)


@command.command("rollback", short_help="Go back to an earlier generation.")
@click.argument("number", required=False, type=click.IntRange(1), metavar="[N]")
@click.pass_obj
def rollback(context: Context, number: int | None) -> None:
    """Go back to the generation before the current one, or to generation N.

    Before the first comes the system that the machine's disk was made with.
    """
    changes = _changes(context)
    changes.check()
    step = changes.rollback(number)
    if step is None:
        click.echo("the image's own system runs", err=True)
        _tell_kernel(changes)
    else:
        _tell(context, changes, step, now=True)


@command.command("start-kernel", hidden=True)
@click.argument("tree")
@click.option("--generation", type=click.IntRange(0), required=True)
def start_kernel(tree: str, generation: int) -> None:
    """Start the kernel of the system in the folder TREE at once: process 1 calls this, when all has
    ended."""
    from store.activation.kernels import kernel_of, start

    start(kernel_of(tree), generation)


@command.command("list", short_help="List all generations, and say which runs.")
@json_option("generation")
@click.pass_obj
def list_generations(context: Context, as_json: bool) -> None:
    """List all generations, with a mark at the one that was chosen, and say which runs."""
    from store.activation.running import running

    context.absent = "empty"
    changes = _changes(context)
    changes.check()
    print_history(changes.profile, as_json=as_json)
    sys.stdout.flush()
    number = running().generation
    runs = f"generation {number}" if number else "the image's own system"
    click.echo(f"{runs} runs", err=True)


@command.command("diff", short_help="Show the packages and services that differ.")
@click.argument("one", required=False, type=click.IntRange(1), metavar="[N]")
@click.argument("other", required=False, type=click.IntRange(1), metavar="[M]")
@json_option("package or service")
@click.pass_obj
def diff(context: Context, one: int | None, other: int | None, as_json: bool) -> None:
    """Show the packages and services that differ between generations N and M.

    Without M, it is the current one; without both, the one before is compared with the current.
    """
    changes = _changes(context)
    changes.check()
    before, after = _pair(changes, one, other)
    found = None if before is None else changes.system(before)
    _print_differences(context, changes, found, changes.system(after), as_json=as_json)


@command.command("upgrade", short_help="Bring the system to the state of its recipe.")
@click.option(
    "--dry-run", "-n", is_flag=True, help="Show the changes and the work, and do nothing."
)
@click.option("--boot", "later", is_flag=True, help="Run it from the machine's next start.")
@json_option("package")
@run_options
@click.pass_obj
def upgrade(
    context: Context,
    dry_run: bool,
    later: bool,
    as_json: bool,
    run: RunOptions,
) -> None:
    """Bring the system to the state of its recipe: first it shows sizes and the work ahead."""
    from store.operations.profile_upgrade import plan_upgrade

    changes = _changes(context, run)
    changes.check()
    with drawn(context, run.loudness):
        plan = plan_upgrade(context.session, changes.changes, (), run.builds, run.caches)
    print_upgrade(context, plan, run.builds, as_json=as_json)
    if dry_run or not plan.changes:
        return
    with drawn(context, run.loudness):
        step = changes.replace(plan.wanted, now=not later)
    _tell(context, changes, step, now=not later)


def _choose(
    context: Context,
    name: str,
    run: RunOptions,
    *,
    now: bool,
) -> None:
    changes = _changes(context, run)
    changes.check()
    context.absent = "make"
    with drawn(context, run.loudness):
        step = changes.choose(name, now=now)
    _tell(context, changes, step, now=now)


def _changes(
    context: Context,
    run: RunOptions | None = None,
) -> SystemChanges:
    from store.operations.system_changes import SystemChanges

    builds, caches = (run.builds, run.caches) if run else (None, None)
    return SystemChanges(context.session, builds, caches)


def _tell(context: Context, changes: SystemChanges, step: ProfileStep, *, now: bool) -> None:
    """Print the changes from one generation to another, and say where the machine is."""
    assert step.generation is not None
    before = None if step.origin is None else changes.system(step.origin)
    if before is not None:
        _print_differences(context, changes, before, changes.system(step.generation), as_json=False)
    when = "runs" if now else "runs from the next start"
    click.echo(f"generation {step.generation.number} {when}", err=True)
    _tell_kernel(changes)


def _tell_kernel(changes: SystemChanges) -> None:
    """Say when the kernel of the chosen system starts, where it does not run yet."""
    found = changes.next_kernel()
    if found is None:
        return
    package = printable(found.kernel.package)
    if found.refusal is None:
        click.echo(f"its kernel, {package}, starts with `reboot`", err=True)
        return
    click.echo(
        f"its kernel, {package}, waits for a cold start: {found.refusal}\n"
        f"  hint: start the machine with it: `scripts/boot SYSTEM --kernel {package}`",
        err=True,
    )


def _print_differences(
    context: Context,
    changes: SystemChanges,
    before: ObjectId | None,
    after: ObjectId,
    *,
    as_json: bool,
) -> None:
    store = context.store
    found = changes.differences(before, after)
    for each in found:
        print(json.dumps(each.to_record()) if as_json else str(each))
    sys.stdout.flush()
    if as_json:
        return
    sizes = [
        store.objects.total_size(store.objects.closure([each]))
        for each in (before, after)
        if each is not None
    ]
    text = " → ".join(map(bytes_text, sizes))
    click.echo(f"{counted(len(found), 'difference')}, {text} in all", err=True)


def _pair(
    changes: SystemChanges, one: int | None, other: int | None
) -> tuple[Generation | None, Generation]:
    profile = changes.profile
    current = profile.generation(other) if other is not None else changes.chosen()
    if one is not None:
        return profile.generation(one), current
    older = [each for each in profile.generations() if each.number < current.number]
    return (older[-1] if older else None), current
