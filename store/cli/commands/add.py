"""``store add``."""

from __future__ import annotations

import os
import sys

import click

from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.options import link_option
from store.errors import DiskReserve, InvalidName, StoreFull, UsageError
from store.local.store import Lease
from store.model.names import ObjectId, check_name


@click.command("add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--name", help="The object's name (default: the file's own).")
@link_option
@click.pass_obj
def command(
    context: Context, paths: tuple[str, ...], name: str | None, out_link: str | None
) -> None:
    """Add files or folders to the store, and print their store paths."""
    if (name is not None or out_link) and len(paths) > 1:
        raise UsageError("--name and --out-link take one path")
    wanted = [(os.path.abspath(path), _name(path, name)) for path in paths]
    context.absent = "make"
    # Until all are there and linked: what the first is added for must not go to make room.
    with context.store.lease() as keep:
        for path, called in wanted:
            oid = _add(context, path, called, keep)
            if out_link:
                context.store.link_root(out_link, oid)
            print(oid.path)


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


def _add(context: Context, path: str, name: str, keep: Lease) -> ObjectId:
    """Take it in; once more when the disk was too full for it and room could be made."""
    from store.gc.automatic import RoomMaker

    reporter = make_reporter(sys.stderr)
    make_room = RoomMaker(context.store, reporter)
    try:
        make_room(False)
        try:
            return context.store.add(path, name, keep)
        except (DiskReserve, StoreFull):
            if not make_room(True):
                raise
        return context.store.add(path, name, keep)
    finally:
        reporter.close()
