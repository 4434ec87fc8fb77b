"""``store search``."""

from __future__ import annotations

import click

from store.cli.context import Context
from store.cli.options import group_option, json_option, seed_option
from store.cli.packages import print_packages
from store.cli.parameter_types import PACKAGE
from store.display import quoted
from store.errors import StoreError, UsageError
from store.model.package_groups import listed, members
from store.model.package_search import search


@click.command("search")
@click.argument("words", nargs=-1, required=True, metavar="WORD…", type=PACKAGE)
@group_option
@json_option("package")
@seed_option
@click.pass_obj
def command(
    context: Context, words: tuple[str, ...], groups: tuple[str, ...], as_json: bool
) -> None:
    """List packages with all these words in their name or description, the likeliest first.

    ✓ marks packages in the store. Without --group, checks of packages and sources of the world are
    left out.
    """
    if not all(map(str.strip, words)):
        raise UsageError("an empty word is in every name; `store list` lists all packages")
    context.absent = "empty"
    catalogue = context.catalogue
    searched = members(catalogue, groups) if groups else listed(catalogue.packages.values())
    found = search(searched, words)
    if not found:
        where = f" of the group {', '.join(groups)}" if groups else ""
        every = "all words of " if len(words) > 1 else ""
        raise StoreError(
            f"no package{where} has {every}{quoted(' '.join(words))}",
            hint="`store list` names them all",
        )
    print_packages(context, found, as_json=as_json)
