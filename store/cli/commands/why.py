"""``store why``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import click

from store.cli.context import Context
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE
from store.display import printable
from store.errors import StoreError
from store.local.reference_files import ReferenceFile, reference_files
from store.local.store import Store
from store.model.names import ObjectId
from store.usage.why import shortest_chain


@click.command("why")
@click.argument("start", metavar="FROM", type=PACKAGE)
@click.argument("end", metavar="TO", type=PACKAGE)
@click.option("--files", is_flag=True, help="Show the files that hold each reference, and where.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON array: of paths, or with --files of references.",
)
@seed_option
@click.pass_obj
def command(context: Context, start: str, end: str, files: bool, as_json: bool) -> None:
    """Show the shortest chain of references from FROM to TO."""
    first, last = context.object(start), context.object(end)
    chain = shortest_chain(context.store, first, last)
    if not chain:
        raise StoreError(f"{first} does not refer to {last}, neither directly nor through others")
    if as_json:
        paths = [oid.path for oid in chain]
        print(json.dumps(_records(context.store, chain) if files else paths))
        return
    for depth, oid in enumerate(chain):
        margin = "   " * (depth - 1)
        print(f"{margin}└─ {oid.path}" if depth else oid.path)
        if files and oid != chain[-1]:
            for file in reference_files(context.store, oid, chain[depth + 1]):
                print(f"{'   ' * depth}│  {_line(file)}")


def _line(file: ReferenceFile) -> str:
    """Return where a reference stands, in words; a file that is the object itself is ``.``."""
    path = printable(os.fsdecode(file.path)) or "."
    if file.kind == "link":
        return f"{path}: target of the link"
    if file.kind == "name":
        return f"{path}: its name"
    more = f", and {file.times - 1} more" if file.times > 1 else ""
    return f"{path}: byte {file.offset}{more}"


def _records(store: Store, chain: Sequence[ObjectId]) -> list[dict[str, Any]]:
    return [
        {
            "path": above.path,
            "refers_to": below.path,
            "files": [
                {**file._asdict(), "path": os.fsdecode(file.path)}
                for file in reference_files(store, above, below)
            ],
        }
        for above, below in pairwise(chain)
    ]
