"""``store tree``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import seed_option
from store.cli.parameter_types import PACKAGE
from store.display import printable
from store.graph.resolver import Resolver
from store.model.catalogue import GraphNode
from store.model.derivation import Source, kind

WIDEST = 300
"""Characters to the left of a line: three for each level."""


@click.command("tree")
@click.argument("package", type=PACKAGE)
@click.option(
    "--depth", "-d", type=click.IntRange(0), metavar="N", help="Draw N levels below the package."
)
@click.option("--sources", is_flag=True, help="Draw the fetched files too.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the graph: one JSON line for each node."
)
@seed_option
@click.pass_obj
def command(
    context: Context, package: str, depth: int | None, sources: bool, as_json: bool
) -> None:
    """Draw the build graph of a package; ✓ marks packages in the store.

    A repeated package is marked with (…), and its inputs are not drawn again.
    """
    context.absent = "empty"
    goal = context.catalogue.ref(package).node
    if as_json:
        _print_json(context, goal)
        return
    names = {package_.node: name for name, package_ in context.catalogue.packages.items()}
    resolver = Resolver(context.store, context.catalogue)
    resolver.identify(context.catalogue.build_closure([goal]))
    drawn: set[bytes] = set()
    # Of each node that is still to be drawn: its level, and the lines to its left.
    stack = [(goal, 0, "", "")]
    while stack:
        node, level, indent, branch = stack.pop()
        value = context.catalogue.nodes[node]
        below = _below(context, node, sources)
        repeated = node in drawn and below
        mark = "✓" if resolver.present(node) else "·"
        title = _title(value, names.get(node))
        print(f"{indent}{branch}{mark} {title} [{kind(value)}]{' (…)' if repeated else ''}")
        if repeated or (depth is not None and level >= depth):
            continue
        drawn.add(node)
        rest = _margin(indent, branch, level + 1)
        branches = ["├─ "] * (len(below) - 1) + ["└─ "]
        for child, branch in reversed(list(zip(below, branches, strict=False))):
            stack.append((child, level + 1, rest, branch))


def _margin(indent: str, branch: str, level: int) -> str:
    """Return the left part of the lines of a level, below a line that has ``indent`` and
    ``branch``. However many levels there are, its width has a bound: then it shows the level's
    number."""
    margin = indent + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    return margin if len(margin) <= WIDEST else f"… level {level}: "


def _below(context: Context, node: bytes, sources: bool) -> list[bytes]:
    """Return the inputs to draw below a node, each once."""
    found = [
        ref.node
        for ref in context.catalogue.inputs(node)
        if sources or not isinstance(context.catalogue.nodes[ref.node], Source)
    ]
    return list(dict.fromkeys(found))


def _title(value: GraphNode, label: str | None) -> str:
    shown = value.name if label in (None, value.name) else f"{value.name} ({label})"
    return printable(shown)


def _print_json(context: Context, goal: bytes) -> None:
    for node in context.catalogue.build_closure([goal]):
        value = context.catalogue.nodes[node]
        record = {
            "derivation": node.hex(),
            "name": value.name,
            "kind": kind(value),
            "inputs": [ref.node.hex() for ref in context.catalogue.inputs(node)],
        }
        print(json.dumps(record))
