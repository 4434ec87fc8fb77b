"""``store add``."""

from __future__ import annotations

import contextlib
import os

import click

from store.cli.context import Context
from store.errors import InvalidName, UsageError
from store.model.names import check_name


@click.command("add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--name", help="The object's name (default: the file's own).")
@click.option("--out-link", "-o", metavar="LINK", help="Make a link to the object; it is a root.")
@click.pass_obj
def command(
    context: Context, paths: tuple[str, ...], name: str | None, out_link: str | None
) -> None:
    """Add files or folders to the store, and print their store paths."""
    if (name or out_link) and len(paths) > 1:
        raise UsageError("--name and --out-link take one path")
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
        whole = os.path.abspath(path)
        try:
            check_name(name or os.path.basename(whole))
        except InvalidName as error:
            error.hint = f"{error.hint}; --name gives it another name"
            raise
        with context.store.lease() if out_link else contextlib.nullcontext() as keep:
            oid = context.store.add(whole, name or os.path.basename(whole), keep)
            if out_link:
                context.store.link_root(os.path.abspath(out_link), oid)
        print(oid.path)
