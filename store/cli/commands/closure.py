"""``store closure``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.model.names import STORE_DIR
from store.quantities import bytes_text


@click.command("closure")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…", type=PACKAGE)
@click.option("--size", "-s", "sizes", is_flag=True, help="Show sizes, and their sum at the end.")
@click.option(
    "--referrers", "-r", is_flag=True, help="List everything that refers to them instead."
)
@json_option("object")
@seed_option
@click.pass_obj
def command(
    context: Context, objects: tuple[str, ...], sizes: bool, referrers: bool, as_json: bool
) -> None:
    """List objects with all direct and indirect references."""
    start = tuple(oid for text in objects for oid in context.objects(text))
    found = context.store.objects.listing(start, referrers=referrers)
    if as_json:
        # Written out: no character of a path needs escaping.
        lines = [f'{{"path": "{STORE_DIR}/{name}", "size": {size}}}' for name, size in found]
    elif sizes:
        lines = [f"{bytes_text(size):>12}  {STORE_DIR}/{name}" for name, size in found]
        total = sum(size for _, size in found)
        lines.append(f"{bytes_text(total):>12}  in {counted(len(found), 'object')}")
    else:
        lines = [f"{STORE_DIR}/{name}" for name, _ in found]
    print("\n".join(lines))
