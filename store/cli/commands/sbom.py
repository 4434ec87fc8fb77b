"""``store sbom``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.direct import VERSION
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE
from store.errors import output_error
from store.sbom.collect import collect
from store.sbom.extra import MODULES, check_extra
from store.system.output_file import put_text


@click.command("sbom")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice(sorted(MODULES)),
    default="cyclonedx",
    help="Write CycloneDX 1.6 (cyclonedx; the default) or SPDX 2.3, both as JSON.",
)
@click.option("--output", "-o", metavar="FILE", help="Write to this file (default: print).")
@seed_option
@click.pass_obj
def command(context: Context, packages: tuple[str, ...], form: str, output: str | None) -> None:
    """Write a bill of materials: all that packages are made from, and what their outputs refer to.

    Each part has its licence, its sources with their hashes, its patches, and its store path if it
    was built. Nothing is built or fetched. The same packages give the same bytes.
    """
    check_extra(form)
    context.absent = "empty"
    catalogue = context.catalogue
    bill = collect(context.store, catalogue, packages, seed=context.seed, engine=VERSION)
    if form == "spdx":
        from store.sbom.spdx_form import spdx_text

        text = spdx_text(bill)
    else:
        from store.sbom.cyclonedx_form import cyclonedx_text

        text = cyclonedx_text(bill)
    if output is None:
        print(text, end="")
        return
    try:
        put_text(output, text)
    except OSError as error:
        raise output_error(error, "the bill", output) from error
