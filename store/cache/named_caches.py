"""A first look at the caches of a run, before anything is loaded that reads settings."""

from __future__ import annotations

import os
from typing import Final

from store.cache.cache_options import CacheOptions
from store.layout.paths import Layout

VARIABLE: Final = "STORE_CACHES"
"""The variable with URLs to ask in place of those of the settings."""


def may_ask(options: CacheOptions, settings: Layout) -> bool:
    """Return whether a run may have a cache to ask, or has to complain that it has none."""
    if options.off:
        return options.only
    named = options.urls or options.only or os.environ.get(VARIABLE)
    return bool(named) or os.path.lexists(settings.config)
