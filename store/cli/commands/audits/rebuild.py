"""``store audit rebuild``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from inspect import cleandoc

import click

from store.audit.journal import RebuildJournal
from store.audit.rebuild import Auditor, RebuildOptions
from store.audit.subjects import SubjectSurvey
from store.cli.commands.audits import diffoscope
from store.cli.commands.audits.drawing import show
from store.cli.context import Context
from store.cli.draw import Loudness, make_reporter
from store.cli.options import (
    diff_option,
    every_option,
    group_option,
    json_option,
    loudness_options,
    max_log_option,
    seed_option,
    width_options,
)
from store.cli.pages.report import html_option
from store.cli.parameter_types import PACKAGE, Duration
from store.display import quoted
from store.errors import UsageError
from store.model.package_groups import checked, members
from store.model.verdict import exit_code
from store.sandbox.variation import VARIATIONS, Variation
from store.scheduler.build_options import default_cores

ALL = "all"


def _help() -> str:
    width = max(map(len, VARIATIONS))
    rows = (f"  {name:{width}}  {value.description}" for name, value in VARIATIONS.items())
    text = """Build packages of this store again, and compare the results.

    Each package's recorded derivation is built in the sandbox, into a place of its own; nothing is
    registered. The result is compared with every object that was recorded for it. For a source,
    the file in the store is hashed again. A store path means the newest build of that object, such
    as of an image.

    Variations go into as few rebuilds as they can. If one of these differs, or is the only one,
    nothing is varied in the next (the control). If that reproduces, each variation is tried alone
    to name the cause. If it does not, two more rebuilds with a stopped clock find the cause: the
    date, or chance (randomness).

    Logs of rebuilds that differ or fail are kept below `audits` in the store's root.

    With --journal, an audit that was interrupted goes on where it was: packages of which the file
    has all findings are not rebuilt.

    \b
    Variations:
    ROWS

    Exit code: 0 if every verdict is reproduced, 2 if one is differs, 1 otherwise.
    """
    return cleandoc(text).replace("ROWS", "\n".join(rows))


def chosen(values: Sequence[str]) -> list[Variation]:
    """Return the variations that ``NAME[,NAME…]`` and ``all`` mean, each once; UsageError for
    others."""
    names = dict.fromkeys(name for value in values for name in value.split(",") if name)
    if ALL in names:
        return list(VARIATIONS.values())
    for name in names:
        if name not in VARIATIONS:
            raise UsageError(
                f"no variation is named {quoted(name)}",
                hint=f"there are: {', '.join(VARIATIONS)}, {ALL}",
            )
    return [VARIATIONS[name] for name in names]


@click.command("rebuild", help=_help())
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@group_option
@every_option
@click.option(
    "--closure", is_flag=True, help="Include everything below: builds, unpacks and sources."
)
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME[,NAME…]",
    help="Rebuild with these variations too; all means every one. Repeatable.",
)
@click.option(
    "--journal",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Note findings in FILE as they come, and take those that it has.",
)
@click.option("--keep", is_flag=True, help="Keep the trees that differ, beside the logs.")
@diff_option("; implies --keep")
@json_option("output and variation")
@width_options("rebuilds")
@click.option("--timeout", type=Duration(), help="Stop a rebuild that runs longer.")
@click.option("--max-silent-time", type=Duration(), help="Stop a rebuild that logs nothing.")
@max_log_option
@html_option
@seed_option
@loudness_options
@click.pass_obj
def command(
    context: Context,
    packages: tuple[str, ...],
    groups: tuple[str, ...],
    every: bool,
    closure: bool,
    vary: tuple[str, ...],
    journal: str | None,
    keep: bool,
    diff: bool,
    as_json: bool,
    jobs: int | None,
    cores: int | None,
    timeout: float | None,
    max_silent_time: float | None,
    max_log_size: int,
    loudness: Loudness,
) -> int:
    """See ``_help``."""
    variations = chosen(vary)
    if diff:
        diffoscope.check_installed()
    if every == bool(packages or groups):
        raise UsageError("name packages, groups with --group, or take --all")
    survey = SubjectSurvey(context.store, context.catalogue)
    catalogue = context.catalogue
    named = checked(catalogue, (), ()) if every else members(catalogue, groups)
    names = [*packages, *(package.name for package in named)]
    (survey.closure if closure else survey.packages)(names)
    cores = cores or default_cores()
    options = RebuildOptions(
        jobs=jobs or cores,
        cores=cores,
        timeout=timeout,
        max_silent=max_silent_time,
        keep=keep or diff,
        max_log=max_log_size,
    )
    reporter = make_reporter(sys.stderr, loudness)
    noted = RebuildJournal(journal) if journal else None
    auditor = Auditor(context.store, options, reporter, noted)
    try:
        if survey.subjects:
            auditor.run(survey.subjects, variations)
    finally:
        reporter.close()
        findings = survey.findings + auditor.findings
        show(findings, as_json=as_json)
    context.store.realisations.flush_outcomes()
    if diff:
        diffoscope.run(context.store.layout, findings)
    return exit_code(findings)
