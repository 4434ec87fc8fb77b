"""Fixpoint's engine: a content-addressed build store, in rooms that a test keeps in order.

This module has the names for scripts: a :class:`Session` with a store and its recipes, and the
values that it takes and gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.audit.rebuild import RebuildOptions
    from store.cache.cache_options import CacheOptions
    from store.errors import StoreError
    from store.gc.policy import Policy
    from store.model.names import ObjectId
    from store.model.verdict import Verdict
    from store.operations.session import Session
    from store.sandbox.variation import VARIATIONS
    from store.scheduler.build_options import BuildOptions

__all__ = [
    "VARIATIONS",
    "BuildOptions",
    "CacheOptions",
    "ObjectId",
    "Policy",
    "RebuildOptions",
    "Session",
    "StoreError",
    "Verdict",
]

_PLACES = {
    "VARIATIONS": "store.sandbox.variation",
    "ObjectId": "store.model.names",
    "BuildOptions": "store.scheduler.build_options",
    "CacheOptions": "store.cache.cache_options",
    "Policy": "store.gc.policy",
    "RebuildOptions": "store.audit.rebuild",
    "Session": "store.operations.session",
    "StoreError": "store.errors",
    "Verdict": "store.model.verdict",
}


def __getattr__(name: str) -> object:
    # Imported when it is asked for: a command that needs little starts sooner.
    if name not in _PLACES:
        raise AttributeError(f"the package store has no attribute {name}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)
