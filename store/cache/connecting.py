"""A cache by its URL: which carrier serves it."""

from __future__ import annotations

import math
import os
import urllib.parse
from typing import TYPE_CHECKING, Final

from store.cache.offering import NamedFiles
from store.cache.place import CachePlace
from store.display import quoted
from store.errors import UsageError
from store.model.locators import shown, with_lower_scheme

if TYPE_CHECKING:
    from store.cache.reapi_cache import ReapiCache

PLACES: Final = ("file", "http", "https")
"""The schemes of caches in the static layout."""

_USUAL_PORTS: Final = {"http": 80, "https": 443}

SCHEMES: Final = (*PLACES, "grpc", "grpcs", "grpc+unix")
"""The schemes of URLs of caches."""


def check_url(url: str) -> str:
    """Return the scheme of a cache's URL, ``file`` for the path of a folder; UsageError when there
    is no cache of that kind."""
    if _is_path(url):
        return "file"
    scheme, colon, rest = with_lower_scheme(url).partition(":")
    if not colon or scheme not in SCHEMES or not rest.strip("/"):
        raise UsageError(
            f"{quoted(shown(url))} is no URL of a cache",
            hint="one is /srv/cache, ./cache, https://example.org/cache, or grpc://host:port",
        )
    return scheme


def check_names_cache(url: str) -> None:
    """Raise UsageError, as connecting would, for a URL that can be none of a cache; nothing is
    asked."""
    scheme = check_url(url)
    if scheme == "file":
        _folder_path(url)
    elif scheme in PLACES:
        from store.cache import http_url

        http_url.parse(url)
    else:
        from store.reapi import endpoint

        endpoint.parse(url)


def same_cache(url: str) -> str:
    """Return the text that other ways of writing the URL of one cache have in common: with the
    usual port or a slash more, the host in capitals, another user, or through a link. UsageError
    for a URL of no cache."""
    scheme = check_url(url)
    if scheme == "file":
        return os.path.realpath(_folder_path(url))
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # it names no host; whoever connects to it says so
        return url
    host = parts.netloc.rpartition("@")[2].lower()
    if scheme in _USUAL_PORTS:
        host = host.removesuffix(f":{_USUAL_PORTS[scheme]}")
        from store.cache.http_url import ascii_text

        # A fragment is never sent to a server.
        parts = parts._replace(path=ascii_text(parts.path), fragment="")
    return parts._replace(netloc=host).geturl().rstrip("/")


def _is_path(url: str) -> bool:
    return url in (".", "..") or url.startswith(("/", "./", "../"))


def open_place(url: str, patience: float = math.inf) -> CachePlace:
    """Return the place of a cache in the static layout, of which nothing was asked yet. It is left
    when it holds this up for more seconds than ``patience``. UsageError for another URL."""
    scheme = check_url(url)
    if scheme == "file":
        from store.cache.folder_place import FolderPlace

        return FolderPlace(_folder_path(url))
    if scheme not in PLACES:
        raise UsageError(
            f"{quoted(shown(url))} is a server, and not in the static layout",
            hint="name the folder of a cache, on the machine that has it",
        )
    from store.cache.http_place import HttpPlace

    return HttpPlace(url, patience=patience)


def _folder_path(url: str) -> str:
    path = url if _is_path(url) else _file_path(url)
    if "\0" in path:
        raise _no_folder(url)
    return path


def _file_path(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise _no_folder(url)
    if set(url) & {"?", "#"}:  # all behind it would be passed over, and another folder used
        raise UsageError(
            f"{quoted(shown(url))} has more than a folder in it",
            hint="give the folder's path as it is, or write ? as %3F and # as %23",
        )
    return urllib.parse.unquote(parts.path, errors="surrogateescape")


def _no_folder(url: str) -> UsageError:
    return UsageError(
        f"{quoted(shown(url))} names no folder of this machine",
        hint="one is file:///srv/cache, or simply the folder's path",
    )


def server_cache(url: str, patience: float = math.inf) -> ReapiCache:
    """Return the cache on a server of the Remote Execution API. It is left when it holds this up
    for more seconds than ``patience``. UsageError for another URL."""
    from store.cache.reapi_cache import ReapiCache
    from store.reapi.endpoint import parse
    from store.reapi.server import Server

    return ReapiCache(Server(parse(url), patience))


def connect(url: str) -> NamedFiles:
    """Return the cache at a URL, of which nothing was asked yet. UsageError for another URL."""
    from store.system.patience import PATIENCE

    if check_url(url) not in PLACES:
        return server_cache(url, PATIENCE)
    from store.cache.static_cache import StaticCache

    return StaticCache(open_place(url, PATIENCE))
