"""``store profile``: packages that are installed for a user, in generations."""

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
    loudness_options,
    profile_option,
    seed_option,
)
from store.cli.outputs import drawn
from store.cli.profile_text import (
    print_difference,
    print_history,
    print_packages,
    tell_step,
)

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.operations.profile_changes import ProfileChanges
    from store.profiles.profile import Profile
    from store.scheduler.build_options import BuildOptions


@click.group("profile")
def command() -> None:
    """Install packages, upgrade and remove them, and go back to earlier states.

    A profile is a link to a folder with the files of all its packages. Each change makes a new
    generation of it; `rollback` and `switch` go to another one. docs/profiles.md tells more.
    """


@command.command("install")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
@click.option(
    "--priority",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Where packages differ at a path, take the one with the lower number (default: 5).",
)
@profile_option
@seed_option
@execution_options
@cache_options
@loudness_options
@click.pass_obj
def install(
    context: Context,
    packages: tuple[str, ...],
    priority: int | None,
    profile: str | None,
    options: BuildOptions,
    caches: CacheOptions | None,
    loudness: Loudness,
) -> None:
    """Build or fetch packages, and install them.

    A path of an object can be installed, too; no upgrade changes it. A package that is installed is
    replaced by what its recipe says now.
    """
    context.absent = "make"
    changes = _changes(context, profile, options, caches)
    wanted = [changes.wanted(text) for text in packages]
    with drawn(context, loudness):
        step = changes.install(wanted, priority)
    tell_step(context, changes.profile, step)


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@profile_option
@click.pass_obj
def remove(context: Context, names: tuple[str, ...], profile: str | None) -> None:
    """Remove packages by name, as `list` has them. If one is not installed, none is removed."""
    changes = _changes(context, profile)
    tell_step(context, changes.profile, changes.remove(names))


@command.command("list")
@profile_option
@json_option("package")
@click.pass_obj
def list_packages(context: Context, profile: str | None, as_json: bool) -> None:
    """List the installed packages, each with its version and store paths."""
    found = _profile(context, profile)
    print_packages(found.packages(found.current()), as_json=as_json)


@command.command("history")
@profile_option
@json_option("generation")
@click.pass_obj
def history(context: Context, profile: str | None, as_json: bool) -> None:
    """List all generations, each with its time and the packages that changed."""
    print_history(_profile(context, profile), as_json=as_json)


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
    tell_step(context, changes.profile, changes.rollback())


@command.command("switch")
@click.argument("number", type=click.IntRange(1), metavar="N")
@profile_option
@click.pass_obj
def switch(context: Context, number: int, profile: str | None) -> None:
    """Go to generation N, an older or a newer one."""
    changes = _changes(context, profile)
    tell_step(context, changes.profile, changes.switch(number))


def _changes(
    context: Context,
    profile: str | None,
    options: BuildOptions | None = None,
    caches: CacheOptions | None = None,
) -> ProfileChanges:
    from store.layout.paths import Layout
    from store.operations.profile_changes import ProfileChanges, profile_path

    path = profile_path(profile, Layout(context.root))
    return ProfileChanges(context.session, path, options, caches)


def _profile(context: Context, profile: str | None) -> Profile:
    context.store  # noqa: B018 (it warns of where it is)
    return _changes(context, profile).profile
