"""``store shell``."""

from __future__ import annotations

import os

import click

from store.cli.context import Context
from store.cli.entering import enter_with
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE


@click.command("shell")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
@seed_option
@click.pass_obj
def command(context: Context, packages: tuple[str, ...]) -> None:
    """Open your shell ($SHELL) with packages on PATH and the store at /store."""
    environment = dict(os.environ) | {"STORE_SHELL": " ".join(packages)}
    enter_with(context, list(packages), [os.environ.get("SHELL") or "/bin/sh"], environment)
