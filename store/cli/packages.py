"""The list of packages, as ``store list`` prints it."""

from __future__ import annotations

from collections.abc import Sequence

from store.cli.context import Context
from store.graph.resolver import Resolver
from store.model.catalogue import Package
from store.model.derivation import Source


def list_packages(context: Context, *, sources: bool = False, as_json: bool = False) -> None:
    """Print a line for each package, with ``sources`` for those that are fetched files, too."""
    context.absent = "empty"
    packages = [
        package
        for _, package in sorted(context.catalogue.packages.items())
        if sources or not isinstance(context.catalogue.nodes[package.node], Source)
    ]
    print_packages(context, packages, as_json=as_json)


def print_packages(context: Context, packages: Sequence[Package], *, as_json: bool) -> None:
    """Print a line for each of these packages, in their order."""
    resolver = Resolver(context.store, context.catalogue)
    resolver.identify(package.node for package in packages)
    for package in packages:
        present = resolver.present(package.node)
        if as_json:
            import json

            record = {
                "package": package.name,
                "version": package.version,
                "description": package.description,
                "licence": package.licence,
                "derivation": package.node.hex(),
                "present": present,
                "paths": [oid.path for oid in resolver.objects(package.node).values()]
                if present
                else [],
            }
            print(json.dumps(record))
        else:
            mark = "✓" if present else "·"
            print(f"{mark} {package.name:24} {package.version:22} {package.description}".rstrip())
