"""``store check``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from store.cli.context import Context
from store.cli.options import (
    RunOptions,
    every_option,
    group_option,
    json_option,
    run_options,
)
from store.cli.outputs import realise_refs
from store.cli.parameter_types import PACKAGE
from store.display import printable
from store.errors import StoreError, UsageError
from store.model.catalogue import Package
from store.model.package_groups import check_names, checked

if TYPE_CHECKING:
    from store.operations.checks import CheckResult


@click.command("check")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@group_option
@every_option
@click.option(
    "--upstream", is_flag=True, help="Run the tests of the packages' authors, too, where there are."
)
@json_option("package or failure")
@run_options
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    groups: tuple[str, ...],
    every: bool,
    upstream: bool,
    as_json: bool,
    run: RunOptions,
) -> None:
    """Run the checks of packages, and show their findings.

    Each check is a build of its own: NAME.check, and NAME.upstream for the tests of the package's
    authors. Packages that are not there yet are built first. A check that has passed runs again
    only when it or its package changes. A check that a recipe waives is named with the reason.
    """
    if every == bool(packages or groups):
        raise UsageError("name packages, groups with --group, or take --all")
    context.absent = "make"
    chosen = checked(context.catalogue, packages, groups)
    names = check_names(context.catalogue, chosen, upstream=upstream)
    refs = [context.catalogue.ref(name) for name in names]
    try:
        realise_refs(context, refs, None, run.builds, run.loudness, run.caches, as_json=as_json)
    except StoreError:
        _print(context, chosen, upstream=upstream, as_json=as_json)
        raise
    _print(context, chosen, upstream=upstream, as_json=as_json)


def _print(context: Context, packages: Sequence[Package], *, upstream: bool, as_json: bool) -> None:
    from store.operations.checks import CheckSurvey

    survey = CheckSurvey(context.store, context.catalogue)
    for package in packages:
        result = survey.result(package)
        if as_json:
            print(json.dumps(_record(result)))
        else:
            print("\n".join(map(printable, _lines(result, upstream))))


def _record(result: CheckResult) -> dict[str, Any]:
    """Return the result as JSON has it."""
    return {
        "package": result.package.name,
        "version": result.package.version,
        "passed": result.check is not None,
        "path": None if result.check is None else result.check.path,
        "versions": list(result.versions),
        "linked": list(result.linked),
        "waived": dict(result.waived),
        "upstream": result.upstream,
    }


def _lines(result: CheckResult, upstream: bool) -> Iterable[str]:
    """Yield the result as lines of text, the details indented."""
    package = result.package
    mark = "·" if result.check is None else "✓"
    yield f"{mark} {package.name} {package.version}".rstrip()
    rows = [("says", said) for said in result.versions]
    rows += [("links", ", ".join(result.linked))] if result.linked else []
    rows += [("waived", f"{check}: {reason}") for check, reason in result.waived]
    if upstream:
        words = {True: "passed", False: "not passed", None: "the recipe runs none"}
        rows.append(("upstream", words[result.upstream]))
    for label, text in rows:
        yield f"    {label:9}{text}"
