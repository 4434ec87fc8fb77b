"""``store tree``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, seed_option
from store.knowledge import Knowledge, kind
from store.model.derivation import Source


@click.command("tree")
@click.argument("package", type=PACKAGE)
@click.option("--depth", "-d", type=click.IntRange(0), help="Levels below the package.")
@click.option("--sources", is_flag=True, help="With the files that are fetched.")
@click.option("--json", "as_json", is_flag=True, help="The graph: one JSON line a node.")
@seed_option
@click.pass_obj
def command(
    context: Context, package: str, depth: int | None, sources: bool, as_json: bool
) -> None:
    """Draw the build graph of a package; ✓ marks what the store holds.

    What was drawn already is not drawn again, but marked with (…).
    """
    context.absent = "empty"
    goal = context.catalogue.ref(package).node
    if as_json:
        _print_json(context, goal)
        return
    names = {package_.node: name for name, package_ in context.catalogue.packages.items()}
    knowledge = Knowledge(context.store, context.catalogue)
    knowledge.identify(context.catalogue.build_closure([goal]))
    drawn: set[bytes] = set()

    def draw(node: bytes, indent: str, branch: str, level: int) -> None:
        value = context.catalogue.nodes[node]
        mark = "✓" if knowledge.present(node) else "·"
        label = names.get(node)
        title = value.name + (f" ({label})" if label and label != value.name else "")
        below = [
            ref.node
            for ref in context.catalogue.inputs(node)
            if sources or not isinstance(context.catalogue.nodes[ref.node], Source)
        ]
        below = list(dict.fromkeys(below))
        repeated = node in drawn and below
        print(f"{indent}{branch}{mark} {title} [{kind(value)}]{' (…)' if repeated else ''}")
        if repeated or (depth is not None and level >= depth):
            return
        drawn.add(node)
        rest = indent + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        for position, child in enumerate(below):
            draw(child, rest, "└─ " if position == len(below) - 1 else "├─ ", level + 1)

    draw(goal, "", "", 0)


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
