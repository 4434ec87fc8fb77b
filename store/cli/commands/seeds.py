"""``store seeds``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from store.cli.context import Context
from store.cli.options import json_option
from store.cli.wording import counted
from store.errors import StoreError
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.quantities import bytes_text
from store.recipes.seeds import read_generated, read_seeds


@click.command("seeds")
@click.option("--packages", "-p", is_flag=True, help="List every pinned file too.")
@click.option(
    "--generated",
    is_flag=True,
    help="List files of sources that programs wrote, and that a seed's chain takes as they are.",
)
@json_option("seed")
@click.pass_obj
def command(context: Context, packages: bool, generated: bool, as_json: bool) -> None:
    """List each bootstrap seed with its trusted files, bytes, executables and licences.

    Files and executables are counted once the seed is in the store.
    """
    context.absent = "empty"
    if generated:
        _show_generated(context, as_json)
        return
    for name, seed in read_seeds(context.recipes).items():
        record = _record(context, name, seed)
        if as_json:
            print(json.dumps(record))
            continue
        print(f"{name}: {seed.get('description', '')}")
        pinned = counted(len(seed["packages"]), "file")
        print(f"  pinned       {pinned}, {bytes_text(record['packed_bytes'])}, by SHA-256")
        if record["path"]:
            files = counted(record["files"], "file")
            print(
                f"  one trusts   {files}, {bytes_text(record['bytes'])}, "
                f"{record['executables']} of them executable"
            )
            print(f"  in the store {record['path']}")
        else:
            print(f"  not in the store yet: `store realise seed.{name}`")
        print(f"  licences     {', '.join(record['licences'])}")
        if packages:
            for package in seed["packages"]:
                print(
                    f"    {package['name']:28} {package.get('version', ''):24} {package['sha256']}"
                )


def _show_generated(context: Context, as_json: bool) -> None:
    """Show the files that are trusted like a seed, as no program of the chain has written them."""
    for name in read_seeds(context.recipes):
        for source, files, program, origin in read_generated(context.recipes, name):
            if as_json:
                record = {"seed": name, "source": source, "files": files}
                print(json.dumps(record | {"made_by": program, "from": origin}))
            else:
                print(f"{name} {source}: {files}")
                print(f"  made by {program}, from {origin}")


def _record(context: Context, name: str, seed: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "seed": name,
        "pinned_files": len(seed["packages"]),
        "packed_bytes": sum(package["size"] for package in seed["packages"]),
        "licences": sorted({x for package in seed["packages"] for x in package["licences"]}),
        "path": None,
        "files": None,
        "bytes": None,
        "executables": None,
    }
    catalogue = context.catalogue_on(name)
    try:
        ref = catalogue.ref(f"seed.{name}")
        oid = context.package_object(f"seed.{name}", ref.node, ref.output)
    except StoreError:
        return record
    return record | {"path": oid.path} | _count(context, oid)


def _count(context: Context, oid: ObjectId) -> dict[str, int]:
    manifest = context.store.objects.manifest(oid)
    counts = {"files": 0, "executables": 0, "bytes": manifest.size}
    stack = [manifest.root]
    while stack:
        node = stack.pop()
        if node.kind is NodeKind.DIRECTORY:
            stack += [entry for _, entry in manifest.directories[node.payload].entries]
        elif node.kind is NodeKind.FILE:
            counts["files"] += 1
            counts["executables"] += node.executable
    return counts
