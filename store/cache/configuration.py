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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from store.cache.cache_options import CacheOptions
from store.cache.connecting import check_names_cache, same_cache
from store.cache.named_caches import VARIABLE
from store.display import quoted
from store.errors import FormatError, UsageError
from store.layout import config
from store.layout.paths import Layout
from store.signing.keyring import TRUSTED_LIMIT, Keyring
from store.signing.keys import PublicKey
from store.system import owned

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
    urls = options.urls or tuple(_named_by_user()) or written
    if len(urls) > MOST_CACHES:
        raise UsageError(f"more than {MOST_CACHES} caches")
    asked: dict[str, CacheSetting] = {}
    for url in urls:
        # In other letters, or as another user, it is still the cache whose keys and threshold the
        # settings say.
        name = same_cache(url)
        asked.setdefault(name, replace(known.get(name, CacheSetting(url)), url=url))
    settings = [*asked.values()]
    if all(each.keys is not None for each in settings):
        return settings
    trusted = tuple(keyring.trusted())
    return [replace(each, keys=trusted) if each.keys is None else each for each in settings]


def _named_by_user() -> Iterator[str]:
    for url in os.environ.get(VARIABLE, "").split():
        try:
            check_names_cache(url)
        except UsageError as error:
            raise UsageError(f"${VARIABLE}: {error.message}", hint=error.hint) from None
        yield url


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
        raise config.SettingFault("caches are written as [[cache]]", ("cache",))
    found: dict[str, CacheSetting] = {}
    for number, table in enumerate(tables):
        setting = _setting(table, number)
        if found.setdefault(same_cache(setting.url), setting) is not setting:
            raise _fault(number, "url", "a cache stands there twice")
    return list(found.values())


def _fault(number: int, key: str, text: str) -> config.SettingFault:
    return config.SettingFault(text, ("cache", number, key))


def _setting(table: config.Table, number: int) -> CacheSetting:
    config.refuse_others(table, ("url", "keys", "threshold"), ("cache", number))
    threshold = table.get("threshold", 1)
    url = _url(table, number)
    keys = None if "keys" not in table else _keys(table["keys"], number)
    if type(threshold) is not int or not 1 <= threshold <= TRUSTED_LIMIT:
        text = f"cache.threshold is no number of keys: {_shown(threshold)}"
        raise _fault(number, "threshold", text)
    if keys is not None and threshold > len(keys):
        text = f"cache.threshold is {threshold}, of {len(keys)} keys"
        raise _fault(number, "threshold", text)
    return CacheSetting(url, keys, threshold)


def _url(table: config.Table, number: int) -> str:
    if "url" not in table:
        raise config.SettingFault("a cache without cache.url", ("cache", number))
    url = table["url"]
    if not isinstance(url, str):
        raise _fault(number, "url", f"cache.url is no URL in quotes: {_shown(url)}")
    try:
        check_names_cache(url)
    except UsageError as error:
        raise _fault(number, "url", f"cache.url: {error.message}") from None
    return url


def _keys(value: Any, number: int) -> tuple[PublicKey, ...]:
    lines: Sequence[Any] = value if isinstance(value, list) else [value]
    found: dict[PublicKey, None] = {}
    for line in lines:
        if not isinstance(line, str):
            text = f"cache.keys has something else than keys in quotes: {_shown(line)}"
            raise _fault(number, "keys", text)
        try:
            key = PublicKey.parse(line)
        except FormatError as error:
            # The line is not shown: it may be a private key.
            raise _fault(number, "keys", f"cache.keys: {error.message}") from None
        if key in found:
            raise _fault(number, "keys", f"cache.keys has a key twice: {key.name}")
        found[key] = None
    return tuple(found)


def _shown(value: object) -> str:
    """Return a value of a wrong kind as it stands in the file, or by its kind."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return str(value).lower() if isinstance(value, bool) else quoted(value)
