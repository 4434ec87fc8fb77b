"""Errors of a server, where the server is a cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from store.errors import MissingExtra, ServerUnusable
from store.job_errors import CacheUnusable


@contextlib.contextmanager
def as_cache() -> Iterator[None]:
    """Turn the error of a server that cannot be used into that of a cache; also that of packages
    which are there, and cannot be loaded."""
    try:
        yield
    except (ServerUnusable, MissingExtra) as error:
        raise CacheUnusable(error.message, hint=error.hint) from error
