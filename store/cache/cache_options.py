"""The caches that a user asks for in one run."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from store.layout.paths import Layout

VARIABLE: Final = "STORE_CACHES"
"""The variable with URLs to ask in place of those of the settings."""


class CacheOptions(NamedTuple):
    """The caches of one run: those at ``urls``, or none at all (``off``), or else those of the
    settings. ``threshold`` is used for all of them. With ``only``, nothing is built."""

    urls: tuple[str, ...] = ()
    off: bool = False
    only: bool = False
    threshold: int | None = None


USUAL = CacheOptions()
"""Those of the settings."""


def may_ask(options: CacheOptions, settings: Layout) -> bool:
    """Return whether a run may have a cache to ask, or has to complain that it has none. Where it
    is False, nothing needs to be loaded that reads settings."""
    if options.off:
        return options.only
    named = options.urls or options.only or os.environ.get(VARIABLE)
    return bool(named) or os.path.lexists(settings.config)
