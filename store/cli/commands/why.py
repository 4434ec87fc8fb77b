"""``store why``."""

from __future__ import annotations

import json
from collections import deque

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, seed_option
from store.errors import StoreError
from store.local.store import Store
from store.model.names import ObjectId


@click.command("why")
@click.argument("start", metavar="FROM", type=PACKAGE)
@click.argument("end", metavar="TO", type=PACKAGE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of paths.")
@seed_option
@click.pass_obj
def command(context: Context, start: str, end: str, as_json: bool) -> None:
    """Show the shortest chain of references from FROM to TO."""
    first, last = context.object(start), context.object(end)
    chain = shortest_chain(context.store, first, last)
    if not chain:
        raise StoreError(f"{first} does not refer to {last}, neither directly nor through others")
    if as_json:
        print(json.dumps([oid.path for oid in chain]))
        return
    for depth, oid in enumerate(chain):
        print(f"{'   ' * (depth - 1)}└─ {oid.path}" if depth else oid.path)


def shortest_chain(store: Store, first: ObjectId, last: ObjectId) -> list[ObjectId]:
    """Return the chain from ``first`` to ``last`` along references, both included; empty when there
    is none."""
    came_from: dict[ObjectId, ObjectId | None] = {first: None}
    queue = deque([first])
    while queue and last not in came_from:
        oid = queue.popleft()
        for other in store.objects.references(oid):
            if other not in came_from:
                came_from[other] = oid
                queue.append(other)
    chain: list[ObjectId] = []
    step: ObjectId | None = last if last in came_from else None
    while step is not None:
        chain.append(step)
        step = came_from[step]
    return chain[::-1]
