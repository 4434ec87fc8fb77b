"""``store ls``."""

from __future__ import annotations

import json
import os
from typing import Final

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import OBJECT_PATH
from store.display import printable
from store.local.object_files import listed
from store.model.file_tree import Node, NodeKind
from store.model.tree_paths import TreePath
from store.quantities import bytes_text

KINDS: Final = {NodeKind.DIRECTORY: "folder", NodeKind.FILE: "file", NodeKind.LINK: "link"}
LETTERS: Final = {NodeKind.DIRECTORY: "d", NodeKind.FILE: "-", NodeKind.LINK: "l"}


@click.command("ls")
@click.argument("path", metavar="OBJECT[/PATH]", type=OBJECT_PATH)
@click.option("--long", "-l", is_flag=True, help="Show modes, sizes and the targets of links.")
@click.option("--recursive", "-R", is_flag=True, help="List folders below, too.")
@json_option("file")
@seed_option
@click.pass_obj
def command(context: Context, path: str, long: bool, recursive: bool, as_json: bool) -> None:
    """List the files of an object, or of a folder in it.

    The list is that of the object's manifest. Links are followed inside the object only; the size
    of a folder is that of all files in it.
    """
    oid, inside = context.within(path)
    for entry in listed(context.store, oid, inside, recursive=recursive):
        if as_json:
            print(json.dumps(_record(entry)))
            continue
        name = printable(os.fsdecode(entry.path if recursive else entry.name)) or str(oid)
        print(_line(entry.node, name) if long else name)


def mode(node: Node) -> int:
    """Return the mode that every node of this kind has in the store."""
    if node.kind is NodeKind.LINK:
        return 0o777
    return 0o555 if node.executable or node.kind is NodeKind.DIRECTORY else 0o444


def _line(node: Node, name: str) -> str:
    bits = "".join(
        letter if mode(node) >> place & 1 else "-"
        for place, letter in zip(range(8, -1, -1), "rwxrwxrwx", strict=True)
    )
    line = f"{LETTERS[node.kind]}{bits} {bytes_text(node.size):>12}  {name}"
    if node.kind is NodeKind.LINK:
        line += f" -> {printable(os.fsdecode(node.payload))}"
    return line


def _record(entry: TreePath) -> dict[str, str | int | None]:
    node = entry.node
    return {
        "path": os.fsdecode(entry.path),
        "kind": KINDS[node.kind],
        "mode": f"{mode(node):04o}",
        "size": node.size,
        "target": os.fsdecode(node.payload) if node.kind is NodeKind.LINK else None,
    }
