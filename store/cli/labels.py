"""What objects are, for people: by the recipes where they evaluate, and by who made them."""

from __future__ import annotations

import contextlib

from store.cli.context import Context
from store.cli.pages.space import Labels
from store.errors import StoreError
from store.graph.knowledge import Knowledge
from store.local.store import Store

LEVELS = {"fetch": "sources", "builtin": "unpacked"}
"""What an object is by how it was made, when no recipe says more."""


def labels_of(context: Context) -> Labels:
    """Labels for the objects of the context's store. Recipes that do not evaluate say nothing."""
    kinds, names = _made(context.store), {}
    try:
        known = _recipes(context)
    except StoreError:
        known = {}
    for digest, package in known.items():
        stage, dot, _ = package.partition(".")
        names[digest] = package
        if dot:
            kinds[digest] = {"seed": "seeds", "source": "sources"}.get(stage, stage)
    return Labels(kinds, names)


def _made(store: Store) -> dict[bytes, str]:
    kinds = {oid.digest: "added" for oid, _ in store.objects()}
    for record in store.every_realisation():
        if record.object.digest in kinds:
            kinds[record.object.digest] = LEVELS.get(record.level, "built")
    return kinds


def _recipes(context: Context) -> dict[bytes, str]:
    """Packages by the objects that they are realised to; of twins in two stages, the first."""
    catalogue = context.catalogue
    knowledge = Knowledge(context.store, catalogue)
    knowledge.identify(package.node for package in catalogue.packages.values())
    found: dict[bytes, str] = {}
    # A name with its stage says more than one without.
    for name in sorted(catalogue.packages, key=lambda name: ("." not in name, name)):
        with contextlib.suppress(KeyError):  # not realised yet
            for output, oid in knowledge.objects(catalogue.packages[name].node).items():
                found.setdefault(oid.digest, name if output == "out" else f"{name}^{output}")
    return found
