"""``store verify``."""

from __future__ import annotations

from typing import Any

import click

from store.cli.context import Context
from store.cli.misuse import FindingCommand
from store.cli.options import execution_options, json_option
from store.cli.parameter_types import PACKAGE, Duration
from store.cli.verification import VerificationRequest, verify


@click.command("verify", cls=FindingCommand)
@click.argument("objects", nargs=-1, metavar="[OBJECT…]", type=PACKAGE)
@click.option("--contents", is_flag=True, help="Read every byte, each inode once.")
@click.option(
    "--budget",
    type=Duration(),
    help="Read for this long; begin with the objects that were verified longest ago.",
)
@click.option("--repair", is_flag=True, help="Replace damaged objects; quarantine the rest.")
@click.option("--from", "source", metavar="STORE", help="Repair from this other store's folder.")
@click.option(
    "--rebuild/--no-rebuild",
    default=True,
    help="Let --repair build and fetch objects again if nothing else has them (default: yes).",
)
@execution_options
@json_option("finding")
@click.pass_obj
def command(context: Context, /, **given: Any) -> int:
    """Check the store against its digests: index, manifests, objects, shared files.

    Every finding is listed. The exit code is 0 if nothing is damaged, or if --repair mended all; it
    is 2 if damage remains, and 1 if the check itself failed. An unknown object is 15, a missing
    store 59, a folder of something else 62, a wrong command line 64. The options of builds are for
    --repair.
    """
    return verify(context, VerificationRequest(**given))
