"""The place that a URL names."""

from __future__ import annotations

import urllib.parse

from store.cache.folder_place import FolderPlace
from store.cache.place import CachePlace
from store.display import quoted
from store.errors import UsageError
from store.model.locators import shown

SCHEMES = ("file", "http", "https")
"""Of the static layout."""


def open_place(url: str) -> CachePlace:
    """Return the place of a ``file:``, ``http:`` or ``https:`` URL, or of a folder's path.

    Nothing is opened or asked for yet. UsageError for anything else.
    """
    scheme = scheme_of(url)
    if not scheme:
        return FolderPlace(url)
    if scheme == "file":
        return FolderPlace(_file_path(url))
    if scheme in SCHEMES:
        from store.cache.http_place import HttpPlace

        return HttpPlace(url)
    raise UsageError(
        f"{quoted(shown(url))} is no cache's URL",
        hint=f"a path of a folder, or a URL of {', '.join(SCHEMES)}",
    )


def scheme_of(url: str) -> str:
    """Return the scheme in lower case; none for a path."""
    scheme, colon, _ = url.partition(":")
    return scheme.lower() if colon and scheme.replace("+", "").isalnum() else ""


def _file_path(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise UsageError(f"{quoted(shown(url))} names no folder of this machine")
    return urllib.parse.unquote(parts.path, errors="surrogateescape")
