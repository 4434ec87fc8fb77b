"""``store list``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import group_option, json_option, seed_option
from store.cli.packages import list_packages
from store.errors import UsageError
from store.quantities import bytes_text


@click.command("list")
@click.option("--objects", is_flag=True, help="List the objects in the store instead of packages.")
@click.option("--sources", is_flag=True, help="Include fetched files and trees of sources.")
@group_option
@json_option("row")
@seed_option
@click.pass_obj
def command(
    context: Context, objects: bool, sources: bool, groups: tuple[str, ...], as_json: bool
) -> None:
    """List packages (✓ marks those in the store), or all objects of the store.

    Without --group, checks of packages and sources of the world are left out.
    """
    if groups and (objects or sources):
        raise UsageError("--group goes neither with --objects nor with --sources")
    if objects:
        _list_objects(context, as_json)
        return
    list_packages(context, groups=groups, sources=sources, as_json=as_json)


def _list_objects(context: Context, as_json: bool) -> None:
    for oid, size in context.store.objects.all():
        if as_json:
            print(json.dumps({"path": oid.path, "size": size}))
        else:
            print(f"{bytes_text(size):>12}  {oid.path}")
