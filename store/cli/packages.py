"""The list of packages, as ``store list`` prints it."""

from __future__ import annotations

from store.cli.context import Context
from store.graph.resolver import Resolver
from store.model.derivation import Source


def list_packages(context: Context, *, sources: bool = False, as_json: bool = False) -> None:
    """Print a line for each package, with ``sources`` for those that are fetched files, too."""
    context.absent = "empty"
    resolver = Resolver(context.store, context.catalogue)
    packages = {
        name: package
        for name, package in sorted(context.catalogue.packages.items())
        if sources or not isinstance(context.catalogue.nodes[package.node], Source)
    }
    resolver.identify(package.node for package in packages.values())
    for name, package in packages.items():
        present = resolver.present(package.node)
        if as_json:
            import json

            record = {
                "package": name,
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
            print(f"{mark} {name:24} {package.version:22} {package.description}".rstrip())
