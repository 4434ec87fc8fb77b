"""Profiles as text: packages, generations, and the steps between these."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from store.cli.context import Context
from store.cli.wording import counted
from store.display import printable, quoted
from store.errors import StoreError, UnknownObject
from store.profiles.comparison import PackageChange, compare
from store.profiles.generations import Generation
from store.profiles.installed import USUAL_PRIORITY, Installed, InstalledPackage
from store.quantities import bytes_text

if TYPE_CHECKING:
    from store.local.store import Store
    from store.operations.profile_changes import ProfileStep
    from store.operations.profile_upgrade import UpgradeItem, UpgradePlan
    from store.profiles.profile import Profile
    from store.scheduler.build_options import BuildOptions

ACTIONS: Final = {
    "none": "the same files",
    "take": "in the store",
    "download": "from caches",
    "build": "to build",
}
"""The ways in which a package comes to its new state."""


def tell_step(profile: Profile, step: ProfileStep) -> None:
    """Print the packages that changed, and say on standard error where the profile is."""
    for change in compare(step.before, step.after):
        print(change_line(change))
    sys.stdout.flush()
    tell_place(profile, step)


def tell_place(profile: Profile, step: ProfileStep) -> None:
    """Say on standard error at which generation the profile is."""
    where = printable(profile.path)
    if not step.moved or step.generation is None:
        click.echo(f"{where} is as it was", err=True)
        return
    click.echo(f"{where} is at generation {step.generation.number}", err=True)


def print_packages(profile: Profile, *, as_json: bool) -> None:
    """Print a line for each package of the current generation. Raises as
    :meth:`Profile.packages`."""
    packages = profile.packages(profile.current()).packages.values()
    if not packages:
        click.echo(f"{printable(profile.path)} has no packages", err=True)
    if as_json:
        for package in packages:
            print(json.dumps(package.to_record()))
        return
    width = max((len(package.name) for package in packages), default=0)
    versions = max((len(package.version) for package in packages), default=0)
    for package in packages:
        paths = " ".join(oid.path for oid in package.objects)
        line = f"{package.name:{width}}  {package.version:{versions}}  {paths}{_notes(package)}"
        print(printable(line))


def _notes(package: InstalledPackage) -> str:
    notes = []
    if package.request not in (package.name, package.objects[0].path):
        notes.append(f"as {package.request}")
    if package.priority != USUAL_PRIORITY:
        notes.append(f"priority {package.priority}")
    return f"  ({', '.join(notes)})" if notes else ""


def print_history(profile: Profile, *, as_json: bool) -> None:
    """Print a line for each generation. One that cannot be read is no reason to leave out the
    others."""
    before: Installed | None = Installed()
    for generation in profile.generations():
        fault = ""
        try:
            after: Installed | None = profile.packages(generation)
        except StoreError as error:
            after, fault = None, error.message
        known = before is not None and after is not None
        changes = [] if before is None or after is None else compare(before, after)
        if as_json:
            print(json.dumps(_generation_record(generation, after, changes, fault)))
        else:
            print(_generation_line(generation, changes, fault, known=known))
        before = after


def _generation_line(
    generation: Generation, changes: Sequence[PackageChange], fault: str, *, known: bool
) -> str:
    mark = "*" if generation.current else " "
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(generation.time))
    what = ", ".join(map(change_line, changes)) or ("no change" if known else "")
    return f"{mark} {generation.number:4}  {when}  {printable(fault) or what}".rstrip()


def _generation_record(
    generation: Generation,
    installed: Installed | None,
    changes: Sequence[PackageChange],
    fault: str,
) -> dict[str, Any]:
    packages = None if installed is None else installed.packages.values()
    return {
        "generation": generation.number,
        "time": datetime.fromtimestamp(generation.time, UTC).isoformat(),
        "current": generation.current,
        "path": None if generation.object is None else generation.object.path,
        "packages": None if packages is None else [each.to_record() for each in packages],
        "changes": [change.to_record() for change in changes],
        "error": fault or None,
    }


def change_line(change: PackageChange) -> str:
    """Return a change for people: ``+ gcc 14.2.0``, ``- gcc 14.2.0``, ``gcc 14.2.0 → 14.3.0``."""
    before, after = change.before, change.after
    if before is None:
        assert after is not None
        return f"+ {_named(after)}"
    if after is None:
        return f"- {_named(before)}"
    if change.kind == "upgraded":
        return printable(f"{change.name} {before.version} → {after.version}")
    why = "built anew" if change.kind == "rebuilt" else _settings(before, after)
    return f"{_named(after)}: {why}"


def _named(package: InstalledPackage) -> str:
    return printable(f"{package.name} {package.version}".rstrip())


def _settings(before: InstalledPackage, after: InstalledPackage) -> str:
    if before.priority != after.priority:
        return f"priority {before.priority} → {after.priority}"
    return printable(f"as {after.request}")


def print_upgrade(
    context: Context, plan: UpgradePlan, options: BuildOptions, *, as_json: bool
) -> None:
    """Print what an upgrade would do, all of it: before the work begins.

    That is a line for each package that changes or cannot, and the work for it; ``as_json``, a line
    for each package.
    """
    if as_json:
        for item in plan.items:
            print(json.dumps(_upgrade_record(item)))
    else:
        _print_plan(context, plan, options)
    sys.stdout.flush()


def _print_plan(context: Context, plan: UpgradePlan, options: BuildOptions) -> None:
    for item in plan.items:
        if item.is_change or item.action == "lost":
            print(_upgrade_line(item))
    if not plan.changes:
        sys.stdout.flush()
        click.echo(f"nothing to upgrade in {counted(len(plan.items), 'package')}", err=True)
    elif plan.work.nodes or (plan.forecast and plan.forecast.nodes):
        from store.cli.plan_listing import print_work, tell_choices

        tell_choices(plan.work)
        print_work(context, plan.work, plan.forecast, options)


def _upgrade_line(item: UpgradeItem) -> str:
    package = item.package
    if item.action == "lost":
        return printable(f"{package.name} {package.version}: kept, as no recipe has this name")
    versions = [each for each in (package.version, item.version) if each]
    text = f"{package.name} {' → '.join(dict.fromkeys(versions))}".rstrip()
    facts = [ACTIONS[item.action]]
    if item.download:
        facts.append(f"{bytes_text(item.download)} to download")
    if item.size_after is not None and item.size_before is not None:
        facts.append(f"{bytes_text(item.size_before)} → {bytes_text(item.size_after)} in all")
    return printable(f"{text}: {', '.join(facts)}")


def _upgrade_record(item: UpgradeItem) -> dict[str, Any]:
    """Return a package of an upgrade as JSON has it."""
    return {
        "name": item.package.name,
        "action": item.action,
        "version_before": item.package.version,
        "version_after": item.version,
        "paths_before": [oid.path for oid in item.package.objects],
        "paths_after": None if item.objects is None else [oid.path for oid in item.objects],
        "size_before": item.size_before,
        "size_after": item.size_after,
        "download": item.download,
    }


def print_difference(
    store: Store, profile: Profile, one: int | None, other: int | None, *, as_json: bool
) -> None:
    """Print the packages that differ between two generations, and the space of both. UnknownObject
    when there is none of these."""
    pair = _pair(profile, one, other)
    before, after = (profile.packages(each) for each in pair)
    changes = compare(before, after)
    for change in changes:
        print(json.dumps(change.to_record()) if as_json else change_line(change))
    if as_json:
        return
    sys.stdout.flush()
    closures = [store.objects.closure(each.objects()) for each in (before, after)]
    sizes = list(map(store.objects.total_size, closures))
    click.echo(
        f"generation {pair[0].number} to {pair[1].number}: {counted(len(changes), 'package')} "
        f"changed, {bytes_text(sizes[0])} → {bytes_text(sizes[1])} in all",
        err=True,
    )


def _pair(profile: Profile, one: int | None, other: int | None) -> tuple[Generation, Generation]:
    from store.operations.profile_changes import before_current

    if other is not None and one is not None:
        return profile.generation(one), profile.generation(other)
    current = profile.current()
    if current is None:
        raise UnknownObject(f"{quoted(profile.path)} has no generation yet")
    return before_current(profile) if one is None else profile.generation(one), current
