"""Caches by each transport, empty at first, and the stores that take from them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests import casd
from tests.integration.conftest import Shop
from tests.unit.cache.web import serving


@contextlib.contextmanager
def by_http(place: Path) -> Iterator[str]:
    """A web server with ranges and PUT."""
    with serving(place) as web:
        yield web.url


def by_folder(place: Path) -> AbstractContextManager[str]:
    """A folder of this machine."""
    return contextlib.nullcontext(f"file://{place}/cache")


TRANSPORTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "folder": by_folder,
    "http": by_http,
    "grpc": casd.running,
}
"""The URL of a new cache, whose files are in a folder."""


def is_sound(shop: Shop) -> bool:
    """Return whether each byte of a store is right."""
    done = shop.run("verify", "--contents")
    return done.returncode == 0 and "0 findings, 0 notes" in done.stderr
