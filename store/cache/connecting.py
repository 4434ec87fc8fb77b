"""A cache by its URL: which carrier serves it."""

from __future__ import annotations

from typing import Final

from store.cache.offering import NamedFiles
from store.display import printable
from store.errors import UsageError
from store.model.locators import shown

SCHEMES: Final = ("file", "http", "https", "grpc", "grpcs", "grpc+unix")
"""The schemes of URLs of caches."""


def check_url(url: str) -> str:
    """Return the scheme of a cache's URL, ``file`` for the path of a folder; UsageError when there
    is no cache of that kind."""
    if url.startswith(("/", "./", "../")):
        return "file"
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SCHEMES or not rest.strip("/"):
        raise UsageError(
            f"{printable(shown(url))} is no URL of a cache",
            hint="one is /srv/cache, https://example.org/cache, or grpc://host:port",
        )
    return scheme


def connect(url: str) -> NamedFiles:
    """Return the cache at a URL, of which nothing was asked yet. UsageError for another URL."""
    scheme = check_url(url)
    if scheme in ("file", "http", "https"):
        from store.cache.locations import open_place
        from store.cache.static_cache import StaticCache

        return StaticCache(open_place(url))
    from store.cache.reapi_cache import ReapiCache
    from store.reapi.endpoint import parse
    from store.reapi.server import Server

    return ReapiCache(Server(parse(url)))
