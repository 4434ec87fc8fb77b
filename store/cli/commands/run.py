"""``store run``."""

from __future__ import annotations

import os

import click

from store.cli.context import Context
from store.cli.entering import enter_with
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE
from store.errors import UsageError


@click.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("package", metavar="PACKAGE[,PACKAGE…]", type=PACKAGE)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD…")
@seed_option
@click.pass_obj
def command(context: Context, package: str, words: tuple[str, ...]) -> None:
    """Run a command with packages on PATH and the store at /store; no root needed.

    Without CMD, the program with the package's name is run. Name each of a package's outputs on its
    own (NAME^ONE,NAME^TWO), or all of them (NAME^*).
    """
    packages = package.split(",")
    given = words[1:] if words[:1] == ("--",) else words
    argv = [*(given or (packages[0].partition("^")[0].rpartition(".")[2],))]
    if not argv[0]:
        raise UsageError("which command?")
    enter_with(context, packages, argv, dict(os.environ))
