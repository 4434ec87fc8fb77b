"""``store import``."""

from __future__ import annotations

import contextlib

import click

from store.cli.context import Context
from store.cli.options import link_option
from store.cli.wording import counted
from store.errors import UsageError
from store.model.names import STORE_DIR, ObjectId


@click.command("import")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…")
@click.option("--from", "source", required=True, metavar="STORE", help="The other store's folder.")
@link_option
@click.pass_obj
def command(context: Context, objects: tuple[str, ...], source: str, out_link: str | None) -> None:
    """Take objects from another store, with all that they refer to and who made them.

    An object is given by its whole path below /store. Each is checked by its digest before this
    store knows it; if one is damaged there, none is taken.
    """
    from store.remote.directory import StoreDirectory
    from store.remote.importing import import_objects

    if out_link and len(objects) > 1:
        raise UsageError("--out-link takes one object")
    oids = [ObjectId.parse(text.removeprefix(f"{STORE_DIR}/")) for text in objects]
    store = context.store
    with store.lease() if out_link else contextlib.nullcontext() as keep:
        fresh = import_objects(store, StoreDirectory(source), oids, keep)
        if out_link:
            store.link_root(out_link, oids[0])
    for oid in oids:
        print(oid.path)
    click.echo(f"{counted(len(fresh), 'object')} taken from {source}", err=True)
