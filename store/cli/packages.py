"""The list of packages, as ``store list`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from store.cli.context import Context
from store.cli.screen import screen_size
from store.cli.streams import may_redraw
from store.graph.resolver import Resolver
from store.model.catalogue import Package
from store.model.package_groups import default_list, members

if TYPE_CHECKING:
    from store.model.names import ObjectId


def list_packages(
    context: Context,
    *,
    groups: Sequence[str] = (),
    sources: bool = False,
    as_json: bool = False,
) -> None:
    """Print a line for each package of ``groups``; without any, for each but checks, and with
    ``sources`` for fetched files and trees of sources, too. UsageError for an unknown group."""
    context.absent = "empty"
    catalogue = context.catalogue
    packages = members(catalogue, groups) if groups else default_list(catalogue, sources=sources)
    print_packages(context, packages, as_json=as_json)


def print_packages(context: Context, packages: Sequence[Package], *, as_json: bool) -> None:
    """Print a line for each of these packages, in their order; a terminal cuts it to its width."""
    resolver = Resolver(context.store, context.catalogue)
    resolver.identify(package.node for package in packages)
    columns = screen_size(sys.stdout).columns if may_redraw(sys.stdout) else None
    for package in packages:
        present = resolver.present(package.node)
        if as_json:
            import json

            oids = [*resolver.objects(package.node).values()] if present else []
            print(json.dumps(_record(context, package, oids)))
        else:
            mark = "✓" if present else "·"
            line = f"{mark} {package.name:24} {package.version:22} {package.description}".rstrip()
            print(line if columns is None or len(line) <= columns else f"{line[: columns - 1]}…")


def _record(context: Context, package: Package, oids: Sequence[ObjectId]) -> dict[str, Any]:
    """Return a package as JSON has it; ``oids`` are its outputs, if they are in the store."""
    return {
        "package": package.name,
        "version": package.version,
        "description": package.description,
        "licence": package.licence,
        "homepage": package.homepage,
        "group": package.group,
        "derivation": package.node.hex(),
        "present": bool(oids),
        "paths": [oid.path for oid in oids],
        "size": context.store.objects.total_size(oids) if oids else None,
    }
