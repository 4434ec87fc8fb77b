"""``store closure``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.draw import bytes_text
from store.cli.options import PACKAGE, seed_option


@click.command("closure")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…", type=PACKAGE)
@click.option("--size", "-s", "sizes", is_flag=True, help="With sizes, and their sum at the end.")
@click.option("--referrers", "-r", is_flag=True, help="Upwards: everything that refers to them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an object.")
@seed_option
@click.pass_obj
def command(
    context: Context, objects: tuple[str, ...], sizes: bool, referrers: bool, as_json: bool
) -> None:
    """List objects and everything that they refer to, transitively."""
    store = context.store
    start = tuple(context.object(text) for text in objects)
    found = store.referrers_closure(start) if referrers else store.closure(start)
    for oid in found:
        if as_json:
            print(json.dumps({"path": oid.path, "size": store.total_size((oid,))}))
        elif sizes:
            print(f"{bytes_text(store.total_size((oid,))):>12}  {oid.path}")
        else:
            print(oid.path)
    if sizes and not as_json:
        print(f"{bytes_text(store.total_size(found)):>12}  in {len(found)} objects")
