"""The URL of a cache on a web server."""

from __future__ import annotations

import string
import urllib.parse
from typing import NamedTuple

from store.cache.http_client import WebServer, origin_of
from store.errors import UsageError
from store.fetch import credentials
from store.fetch.bounds import Permanent
from store.model.locators import shown, with_lower_scheme


class CacheUrl(NamedTuple):
    """The URL of a cache: ``top`` is the URL without its user, ``login`` that user, and ``home``
    its server."""

    top: str
    home: WebServer
    login: str | None


def ascii_text(text: str, encoding: str = "utf-8") -> str:
    """Return a part of a URL as it is sent: a space, and each letter that is none of ASCII, as the
    bytes of an encoding with their numbers."""
    return urllib.parse.quote(text, encoding=encoding, safe=string.punctuation)


def parse(url: str) -> CacheUrl:
    """Return the parts of a URL. UsageError for one with a password, or with a query, or of no web
    server."""
    url = with_lower_scheme(url)
    scheme = url.partition(":")[0]
    # urlsplit would leave out a newline, and no connection is made for a space.
    if not url.isprintable() or " " in url:
        raise UsageError(
            f"a URL of {scheme} names no cache: it has a space, or a character that is not shown",
            hint=f"it has to be {scheme}://HOST/PATH; a space in its path is written as %20",
        )
    try:
        plain, userinfo = credentials.split(url)
        home, parts = origin_of(plain), urllib.parse.urlsplit(plain)
    except (Permanent, ValueError):
        raise UsageError(  # the rest of it may hold a password
            f"a URL of {scheme} names no cache: its host or port cannot be one",
            hint=f"it has to be {scheme}://HOST/PATH or {scheme}://HOST:PORT/PATH",
        ) from None
    if ":" in (userinfo or "") or parts.query:
        raise UsageError(
            f"no secret stands in the URL of a cache: {shown(url)}",
            hint="put it into ~/.netrc, or see docs/cache.md",
        )
    top = parts._replace(path=ascii_text(parts.path), fragment="").geturl()
    return CacheUrl(top.rstrip("/"), home, userinfo)
