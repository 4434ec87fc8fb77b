"""``store list``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.packages import list_packages
from store.quantities import bytes_text


@click.command("list")
@click.option("--objects", is_flag=True, help="List the objects in the store instead of packages.")
@click.option("--sources", is_flag=True, help="Include packages that are fetched files.")
@json_option("row")
@seed_option
@click.pass_obj
def command(context: Context, objects: bool, sources: bool, as_json: bool) -> None:
    """List packages (✓ marks those in the store), or all objects of the store."""
    if objects:
        _list_objects(context, as_json)
        return
    list_packages(context, sources=sources, as_json=as_json)


def _list_objects(context: Context, as_json: bool) -> None:
    for oid, size in context.store.objects.all():
        if as_json:
            print(json.dumps({"path": oid.path, "size": size}))
        else:
            print(f"{bytes_text(size):>12}  {oid.path}")
