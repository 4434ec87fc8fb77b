"""``store list``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.graph.resolver import Resolver
from store.model.derivation import Source
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
    context.absent = "empty"
    resolver = Resolver(context.store, context.catalogue)
    packages = {
        name: package
        for name, package in sorted(context.catalogue.packages.items())
        if sources or not isinstance(context.catalogue.nodes[package.node], Source)
    }
    resolver.identify(package.node for package in packages.values())
    for name, package in packages.items():
        present = resolver.present(package.node)
        if as_json:
            record = {
                "package": name,
                "version": package.version,
                "description": package.description,
                "licence": package.licence,
                "derivation": package.node.hex(),
                "present": present,
                "paths": [oid.path for oid in resolver.objects(package.node).values()]
                if present
                else [],
            }
            print(json.dumps(record))
        else:
            mark = "✓" if present else "·"
            print(f"{mark} {name:24} {package.version:22} {package.description}".rstrip())


def _list_objects(context: Context, as_json: bool) -> None:
    for oid, size in context.store.objects():
        if as_json:
            print(json.dumps({"path": oid.path, "size": size}))
        else:
            print(f"{bytes_text(size):>12}  {oid.path}")
