"""The errors for work that is needed, and that the options of a run forbid."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from store.display import printable
from store.graph.resolver import BuildPlan
from store.job_errors import NotCached, Offline
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.model.locators import shown

SHOWN: Final = 5
"""Names in a message at most."""


def not_cached(catalogue: Catalogue, plan: BuildPlan, goals: Collection[bytes]) -> NotCached:
    """Return the error for a plan of which nothing may be built or fetched. It names the goals
    before the nodes below them."""
    nodes = (*reversed(plan.builds), *plan.fetches)
    missing = sorted(nodes, key=lambda node: node not in goals)
    names = list(dict.fromkeys(catalogue.nodes[node].name for node in missing))
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return NotCached(
        f"no cache has {', '.join(names[:SHOWN])}{more}",
        hint="run without --cache-only to build them here",
    )


def not_fetched(source: Source) -> Offline:
    """Return the error for a source that may not be fetched."""
    return Offline(
        f"{source.name} would have to be fetched from {printable(shown(source.locators[0]))}",
        hint="run without --offline once",
    )
