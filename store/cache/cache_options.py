"""The caches that a user asks for in one run."""

from __future__ import annotations

from typing import NamedTuple


class CacheOptions(NamedTuple):
    """The caches of one run: those at ``urls``, or none at all (``off``), or else those of the
    settings. ``threshold`` is used for all of them. With ``only``, nothing is built."""

    urls: tuple[str, ...] = ()
    off: bool = False
    only: bool = False
    threshold: int | None = None


USUAL = CacheOptions()
"""Those of the settings."""
