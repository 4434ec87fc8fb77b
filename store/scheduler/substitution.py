"""The requests of the scheduler to caches."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from store.graph.resolver import BuildPlan, Resolver
from store.local.leases import Lease
from store.system.steps import Steps

if TYPE_CHECKING:
    from store.substitute.cache_sizes import CacheForecast


class Substitution(Protocol):
    """Takes nodes that are missing from elsewhere, and lets the resolver know them."""

    def fill(self, goals: Collection[bytes], resolver: Resolver, lease: Lease) -> None:
        """Take what the goals need, as far as it is offered. Called before a plan is executed."""

    def fill_by_key(
        self, nodes: Collection[bytes], resolver: Resolver, lease: Lease
    ) -> Steps[None]:
        """Take nodes whose inputs are known now, as far as they are offered."""

    def forecast(
        self, goals: Collection[bytes], plan: BuildPlan, resolver: Resolver
    ) -> CacheForecast:
        """Return the part of a plan that is offered. Takes nothing."""
