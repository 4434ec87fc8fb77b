"""``store audit stages``."""

from __future__ import annotations

import click

from store.audit.stages import Ladder, compare
from store.cli.commands.audits import diffoscope
from store.cli.commands.audits.drawing import show
from store.cli.context import Context
from store.cli.options import diff_option, json_option, seed_option
from store.cli.pages.report import html_option
from store.cli.parameter_types import PACKAGE
from store.model.verdict import exit_code


@click.command("stages")
@click.argument("packages", nargs=-1, metavar="[PACKAGE…]", type=PACKAGE)
@click.option(
    "--seeds",
    metavar="NAME[,NAME…]",
    help="Compare the first seed with the others (default: the chosen one, and all with "
    "realised packages here).",
)
@diff_option()
@json_option("output and pair")
@html_option
@seed_option
@click.pass_obj
def command(
    context: Context, packages: tuple[str, ...], seeds: str | None, diff: bool, as_json: bool
) -> int:
    """Compare stage with stage, and seed with seed, by the paths of their packages.

    On every seed, each package is compared with its twin of the stage before (stage2.gcc with
    stage1.gcc). Between seeds, each package of the distribution is compared with itself. A given
    package includes its twins; without any, all are compared. Differences are explained file by
    file if both objects are in the store. Packages that are not realised are unknown.

    Exit code: 0 if every verdict is reproduced, 2 if one is differs, 1 otherwise.
    """
    if diff:
        diffoscope.check_installed()
    findings = compare(context.store, _ladders(context, seeds), packages)
    show(findings, as_json=as_json)
    if diff:
        diffoscope.run(context.store.layout, findings)
    return exit_code(findings)


def _ladders(context: Context, seeds: str | None) -> list[Ladder]:
    from store.recipes.seeds import read_seeds

    def ladder(seed: str) -> Ladder:
        return Ladder(context.store, seed, context.catalogue_on(seed))

    if seeds is not None:
        return [ladder(seed) for seed in dict.fromkeys(seeds.split(",")) if seed]
    others = (ladder(seed) for seed in read_seeds(context.recipes) if seed != context.seed)
    return [ladder(context.seed), *(other for other in others if other.is_realised())]
