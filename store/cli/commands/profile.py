"""``store profile``: packages that are installed for a user, in generations."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from store.cli.context import Context
from store.cli.options import (
    RunOptions,
    json_option,
    profile_option,
    run_options,
)
from store.cli.outputs import drawn
from store.cli.parameter_types import PACKAGE, RetentionRule
from store.cli.profile_text import (
    print_difference,
    print_history,
    print_packages,
    print_upgrade,
    tell_place,
    tell_step,
)
from store.cli.wording import counted
from store.display import printable
from store.profiles.installed import MOST_PRIORITY
from store.profiles.shell_path import SHELLS, kind_of_shell, shell_lines

if TYPE_CHECKING:
    from store.operations.profile_changes import ProfileChanges
    from store.profiles.profile import Profile
    from store.profiles.retention import Retention


@click.group("profile")
def command() -> None:
    """Install packages, upgrade and remove them, and go back to earlier states.

    A profile is a link to a folder with the files of all its packages. Each change makes a new
    generation of it; `rollback` and `switch` go to another one. docs/profiles.md has more.
    """


@command.command("install")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
@click.option(
    "--priority",
    type=click.IntRange(0, MOST_PRIORITY),
    metavar="N",
    help="Where packages differ at a path, take the one with the lower number (default: 5).",
)
@profile_option
@run_options
@click.pass_obj
def install(
    context: Context,
    packages: tuple[str, ...],
    priority: int | None,
    profile: str | None,
    run: RunOptions,
) -> None:
    """Build or fetch packages, and install them.

    A path of an object can be installed, too; no upgrade changes it. A package that is installed is
    replaced by what its recipe says now.
    """
    context.absent = "make"
    changes = _changes(context, profile, run)
    wanted = [changes.wanted(text) for text in packages]
    with drawn(context, run.loudness):
        step = changes.install(wanted, priority)
    tell_step(changes.profile, step)


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@profile_option
@click.pass_obj
def remove(context: Context, names: tuple[str, ...], profile: str | None) -> None:
    """Remove packages by name, as `list` has them. If one is not installed, none is removed."""
    changes = _changes(context, profile)
    tell_step(changes.profile, changes.remove(names))


@command.command("upgrade", short_help="Bring installed packages to the state of their recipes.")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option(
    "--dry-run", "-n", is_flag=True, help="Show the new versions and the work, and do nothing."
)
@profile_option
@json_option("package")
@run_options
@click.pass_obj
def upgrade(
    context: Context,
    names: tuple[str, ...],
    dry_run: bool,
    profile: str | None,
    as_json: bool,
    run: RunOptions,
) -> None:
    """Bring installed packages to the state of their recipes: those named, or all.

    First it shows versions, sizes and the work ahead. A package that was installed as an object
    stays, and so does one that no recipe makes any more.
    """
    from store.operations.profile_upgrade import plan_upgrade

    changes = _changes(context, profile, run)
    with drawn(context, run.loudness):
        plan = plan_upgrade(context.session, changes, names, run.builds, run.caches)
    print_upgrade(context, plan, run.builds, as_json=as_json)
    if dry_run or not plan.changes:
        return
    with drawn(context, run.loudness):
        step = changes.replace(plan.wanted)
    tell_place(changes.profile, step)


@command.command("list", short_help="List the installed packages.")
@profile_option
@json_option("package")
@click.pass_obj
def list_packages(context: Context, profile: str | None, as_json: bool) -> None:
    """List the installed packages, each with its version and store paths."""
    found = _profile(context, profile)
    print_packages(found, as_json=as_json)


@command.command("history", short_help="List all generations, and the changes between them.")
@profile_option
@json_option("generation")
@click.pass_obj
def history(context: Context, profile: str | None, as_json: bool) -> None:
    """List all generations, each with its time and the packages that changed."""
    found = _profile(context, profile)
    print_history(found, as_json=as_json)
    if not found.generations():
        click.echo(f"{printable(found.path)} has no generation yet", err=True)


@command.command("diff")
@click.argument("one", required=False, type=click.IntRange(1), metavar="[N]")
@click.argument("other", required=False, type=click.IntRange(1), metavar="[M]")
@profile_option
@json_option("package")
@click.pass_obj
def diff(
    context: Context, one: int | None, other: int | None, profile: str | None, as_json: bool
) -> None:
    """Show the packages that differ between generations N and M.

    Without M, it is the current one; without both, the one before is compared with the current.
    """
    print_difference(context.store, _profile(context, profile), one, other, as_json=as_json)


@command.command("rollback")
@profile_option
@click.pass_obj
def rollback(context: Context, profile: str | None) -> None:
    """Go back to the generation before the current one."""
    changes = _changes(context, profile)
    tell_step(changes.profile, changes.rollback())


@command.command("switch")
@click.argument("number", type=click.IntRange(1), metavar="N")
@profile_option
@click.pass_obj
def switch(context: Context, number: int, profile: str | None) -> None:
    """Go to generation N, an older or a newer one."""
    changes = _changes(context, profile)
    tell_step(changes.profile, changes.switch(number))


@command.command("delete-old", short_help="Delete old generations.")
@click.option(
    "--keep-generations",
    type=RetentionRule(),
    metavar="RULE",
    help="Keep the newest N (5), those that were current within a time (30d), or both (5,30d); "
    "default: the current one alone.",
)
@click.option(
    "--dry-run", "-n", is_flag=True, help="Only show the generations that would be deleted."
)
@profile_option
@click.pass_obj
def delete_old(
    context: Context, keep_generations: Retention | None, dry_run: bool, profile: str | None
) -> None:
    """Delete old generations, and never the current one; `store gc` then frees their space."""
    from store.profiles.retention import Retention

    changes = _changes(context, profile)
    rule = keep_generations or Retention()
    if dry_run:
        old = rule.leaving(changes.profile.generations(), time.time())
        numbers = [each.number for each in old]
    else:
        numbers = changes.delete(lambda found: rule.leaving(found, time.time()))
    for number in numbers:
        print(number)
    sys.stdout.flush()
    verb = "would delete" if dry_run else "deleted"
    click.echo(f"{verb} {counted(len(numbers), 'generation')}", err=True)


@command.command("env", short_help="Print the line that puts the programs on a shell's PATH.")
@click.option(
    "--shell",
    type=click.Choice(SHELLS),
    help="Write for this shell (default: the name in $SHELL, else sh).",
)
@profile_option
@click.pass_obj
def env(context: Context, shell: str | None, profile: str | None) -> None:
    """Print the line that puts the profile's programs on the PATH of a shell.

    For sh, bash and zsh: eval "$(store profile env)"; for fish: store profile env | source.
    """
    found = _profile(context, profile)
    found.current_number()  # UsageError for another thing; a profile may come later
    path = found.path
    print(
        shell_lines(path, context.store.layout, shell or kind_of_shell(os.environ.get("SHELL", "")))
    )


def _changes(
    context: Context,
    profile: str | None,
    run: RunOptions | None = None,
) -> ProfileChanges:
    from store.layout.paths import Layout
    from store.operations.profile_changes import ProfileChanges, profile_path

    path = profile_path(profile, Layout(context.root))
    builds, caches = (run.builds, run.caches) if run else (None, None)
    return ProfileChanges(context.session, path, builds, caches)


def _profile(context: Context, profile: str | None) -> Profile:
    context.store  # noqa: B018 (it warns of where it is)
    return _changes(context, profile).profile
