"""The caches to ask, and the keys whose statements count there.

::

    [[cache]]
    url = "https://cache.example.org/fixpoint"
    keys = ["forge:3q2+7wAA…"]     # default: the keys that this user trusts
    threshold = 2                  # so many different keys have to agree; default: 1

in ``config.toml`` in the root of a store. ``$STORE_CACHES`` has URLs to ask in their stead, and
those of a command line come before both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from store.cache.cache_options import CacheOptions
from store.cache.connecting import same_cache
from store.display import quoted
from store.errors import FormatError, UsageError
from store.layout import config
from store.layout.paths import Layout
from store.signing.keyring import TRUSTED_LIMIT, Keyring
from store.signing.keys import PublicKey
from store.system import owned

VARIABLE: Final = "STORE_CACHES"
MOST_CACHES: Final = 100


@dataclass(frozen=True)
class CacheSetting:
    """A cache by its URL. ``keys`` are those whose statements count there; None for the keys that
    the user trusts. So many different ones as ``threshold`` have to agree."""

    url: str
    keys: tuple[PublicKey, ...] | None = None
    threshold: int = 1


def chosen(layout: Layout, options: CacheOptions, keyring: Keyring) -> list[CacheSetting]:
    """Return the caches of a run, each with its keys. Raises UsageError, FormatError, NotOwner or
    StorageError for settings that cannot be used."""
    if options.off:
        return []
    known = {same_cache(each.url): each for each in load(layout)}
    written = [each.url for each in known.values()]
    urls = options.urls or tuple(os.environ.get(VARIABLE, "").split()) or written
    if len(urls) > MOST_CACHES:
        raise UsageError(f"more than {MOST_CACHES} caches")
    asked: dict[str, CacheSetting] = {}
    for url in urls:
        # In other letters, it is still the cache whose keys and threshold the settings say.
        name = same_cache(url)
        asked.setdefault(name, known.get(name) or CacheSetting(url))
    settings = [*asked.values()]
    if all(each.keys is not None for each in settings):
        return settings
    trusted = tuple(keyring.trusted())
    return [replace(each, keys=trusted) if each.keys is None else each for each in settings]


def load(layout: Layout) -> list[CacheSetting]:
    """Return the caches of ``config.toml``. UsageError names the fault of the file; NotOwner or
    StorageError when others could have written it."""
    found = config.load(layout, parse, "docs/cache.md lists the settings of caches")
    if found:
        owned.check_believed(os.stat(layout.config), layout.config)
    return found


def parse(data: bytes) -> list[CacheSetting]:
    """Return the caches in a file's text; ValueError names its fault."""
    tables = config.tables(data).get("cache", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ValueError("caches are written as [[cache]]")
    found = [_setting(table) for table in tables]
    if len({same_cache(each.url) for each in found}) != len(found):
        raise ValueError("a cache stands there twice")
    return found


def _setting(table: config.Table) -> CacheSetting:
    config.refuse_others(table, {"url", "keys", "threshold"}, "cache.")
    url, threshold = table.get("url"), table.get("threshold", 1)
    if not isinstance(url, str):
        raise ValueError("cache.url is no URL")
    try:
        same_cache(url)
    except UsageError as error:
        raise ValueError(f"cache.url: {error.message}") from None
    keys = None if "keys" not in table else _keys(table["keys"])
    if type(threshold) is not int or not 1 <= threshold <= TRUSTED_LIMIT:
        raise ValueError(f"cache.threshold is no number of keys: {quoted(threshold)}")
    if keys is not None and threshold > len(keys):
        raise ValueError(f"cache.threshold is {threshold}, of {len(keys)} keys")
    return CacheSetting(url, keys, threshold)


def _keys(value: Any) -> tuple[PublicKey, ...]:
    lines: Sequence[Any] = value if isinstance(value, list) else [value]
    found = []
    for line in lines:
        try:
            found.append(PublicKey.parse(line if isinstance(line, str) else ""))
        except FormatError as error:
            raise ValueError(f"cache.keys: {error.message}") from None
    if len(set(found)) != len(found):
        raise ValueError("cache.keys has a key twice")
    return tuple(found)
