"""``store root``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from store.cli.context import Context
from store.cli.dry_run import since_of, unseen_text
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.display import printable
from store.errors import UnknownObject
from store.local.root_snapshot import NamedRoot


@click.group("root")
def command() -> None:
    """Give names to objects that `store gc` must keep."""


@command.command("add")
@click.argument("name")
@click.argument("object", metavar="OBJECT", type=PACKAGE)
@seed_option
@click.pass_obj
def add(context: Context, name: str, object: str) -> None:
    """Keep an object, and all that it refers to, under a name."""
    context.store.roots.add(name, context.object(object))


@command.command("list")
@json_option("root")
@click.pass_obj
def show(context: Context, as_json: bool) -> None:
    """List all roots: named ones, and links made with --out-link."""
    for root in context.store.roots.all():
        print(json.dumps(_record(root)) if as_json else _line(root))


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.pass_obj
def remove(context: Context, names: tuple[str, ...]) -> None:
    """Remove the root of each name.

    A root's name is its own, or the path of its link; the link itself stays. If one of several
    names has no root, none is removed.
    """
    lacking = context.store.roots.remove_all(names)
    if lacking:
        others = "; nothing was removed" if len(names) > 1 else ""
        raise UnknownObject(
            f"there is no root {', '.join(map(repr, lacking))}{others}",
            hint="`store root list` has them all",
        )


def _line(root: NamedRoot) -> str:
    name = printable(root.path or root.name)
    if root.holds is None:
        return f"{name}  is missing, and keeps nothing (it was {root.recorded.path})"
    unseen = f"  ({unseen_text(root)})" if root.unseen is not None else ""
    return f"{name}  {root.holds.path}{unseen}"


def _record(root: NamedRoot) -> dict[str, object]:
    return {
        "name": root.name,
        "link": root.path,
        "path": None if root.holds is None else root.holds.path,
        "recorded": root.recorded.path,
        "unseen_since": since_of(root),
        "since": datetime.fromtimestamp(root.since, UTC).isoformat(),
    }
