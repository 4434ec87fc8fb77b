"""``store search``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, json_option, seed_option
from store.cli.packages import print_packages
from store.display import quoted
from store.errors import StoreError
from store.model.package_search import search


@click.command("search")
@click.argument("words", nargs=-1, required=True, metavar="WORD…", type=PACKAGE)
@json_option("package")
@seed_option
@click.pass_obj
def command(context: Context, words: tuple[str, ...], as_json: bool) -> None:
    """List packages with all these words in their name or description, the likeliest first.

    ✓ marks packages in the store.
    """
    context.absent = "empty"
    found = search(context.catalogue.packages.values(), words)
    if not found:
        raise StoreError(
            f"no package has {'all words of ' if len(words) > 1 else ''}{quoted(' '.join(words))}",
            hint="`store list` names them all",
        )
    print_packages(context, found, as_json=as_json)
