"""The URL of a cache on a web server."""

from __future__ import annotations

import urllib.parse
from typing import NamedTuple

from store.cache.http_client import WebServer, origin_of
from store.errors import UsageError
from store.fetch import credentials
from store.fetch.bounds import Permanent
from store.model.locators import shown


class CacheUrl(NamedTuple):
    """The URL of a cache: ``top`` is the URL without its user, ``login`` that user, and ``home``
    its server."""

    top: str
    home: WebServer
    login: str | None


def parse(url: str) -> CacheUrl:
    """Return the parts of a URL. UsageError for one with a password, or with a query, or of no web
    server."""
    try:
        # urlsplit would leave out a newline, and no connection is made for a space.
        if not url.isprintable() or " " in url:
            raise ValueError
        plain, userinfo = credentials.split(url)
        home, parts = origin_of(plain), urllib.parse.urlsplit(plain)
    except (Permanent, ValueError):
        scheme = url.partition(":")[0]  # the rest may hold a password
        raise UsageError(
            f"a URL of {scheme} names no cache: its host or port cannot be one",
            hint=f"it has to be {scheme}://HOST/PATH or {scheme}://HOST:PORT/PATH",
        ) from None
    if ":" in (userinfo or "") or parts.query:
        raise UsageError(
            f"no secret stands in the URL of a cache: {shown(url)}",
            hint="put it into ~/.netrc, or see docs/cache.md",
        )
    return CacheUrl(parts._replace(fragment="").geturl().rstrip("/"), home, userinfo)
