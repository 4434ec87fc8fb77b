"""``store cat``."""

from __future__ import annotations

import sys

import click

from store.cli.context import Context
from store.cli.options import seed_option
from store.cli.parameter_types import OBJECT_PATH
from store.local.object_files import read


@click.command("cat")
@click.argument("paths", nargs=-1, required=True, metavar="OBJECT/PATH…", type=OBJECT_PATH)
@seed_option
@click.pass_obj
def command(context: Context, paths: tuple[str, ...]) -> None:
    """Print files of objects as they are, one after the other.

    Links are followed inside the object only.
    """
    sys.stdout.flush()
    for path in paths:
        oid, inside = context.within(path)
        for part in read(context.store, oid, inside):
            sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
