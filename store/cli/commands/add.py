"""``store add``."""

from __future__ import annotations

import os
import sys
from contextlib import closing

import click

from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.options import link_option
from store.errors import InvalidName, UsageError
from store.model.names import check_name


@click.command("add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--name", help="Give the object this name (default: the file's own).")
@link_option
@click.pass_obj
def command(
    context: Context, paths: tuple[str, ...], name: str | None, out_link: str | None
) -> None:
    """Copy files or folders into the store, and print their store paths."""
    if (name is not None or out_link) and len(paths) > 1:
        raise UsageError("--name and --out-link take one path")
    wanted = [(os.path.abspath(path), _name(path, name)) for path in paths]
    context.absent = "make"
    reporter = make_reporter(sys.stderr)
    context.session.reporter = reporter
    # Until all are there and linked: the first objects must not go to make room.
    with closing(reporter), context.store.leases.begin() as keep:
        for path, called in wanted:
            print(context.session.add(path, called, link=out_link, keep=keep).path)


def _name(path: str, name: str | None) -> str:
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    found = os.path.basename(os.path.abspath(path)) if name is None else name
    try:
        check_name(found)
    except InvalidName as error:
        error.hint = f"{error.hint}; --name gives it another name"
        raise
    return found
