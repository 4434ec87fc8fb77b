"""The caches of a session, from its options and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from store.cache.build_logs import taken_log
from store.cache.cache_options import USUAL, CacheOptions
from store.cache.configuration import chosen
from store.cache.connecting import PLACES, check_url, connect, open_place, server_cache
from store.errors import CacheUnusable, CorruptObject, UsageError
from store.events import CacheTrouble, Event
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.locators import shown
from store.signing.keyring import Keyring, default_folder
from store.substitute.cached_nodes import CachedNodes
from store.substitute.candidates import TrustedCache

if TYPE_CHECKING:
    from store.cache.push_plan import PushPlan
    from store.cache.pushing import Pushed


def cached_nodes(
    store: Store,
    catalogue: Catalogue,
    options: CacheOptions,
    emit: Callable[[Event], None],
    *,
    offline: bool = False,
) -> CachedNodes | None:
    """Return what the caches of a run may have of a catalogue; None when there are no caches. With
    ``offline``, only those in folders are asked.

    Raises UsageError, and the other errors of settings that cannot be used.
    """
    caches = list(_caches(store, options, emit, offline))
    if caches:
        return CachedNodes(store, catalogue, caches, options.threshold, emit)
    if options.only:
        raise UsageError(
            "there is no cache to take anything from",
            hint="with --offline, only caches in folders are asked"
            if offline
            else "name one with --cache, in $STORE_CACHES, or in config.toml",
        )
    return None


def push_to(store: Store, url: str, plan: PushPlan) -> tuple[Pushed, str]:
    """Push what a plan has into the cache at a URL; returns also the cache's name.

    Raises UsageError, CacheUnusable, and CorruptObject for an object that is damaged here.
    """
    if check_url(url) in PLACES:
        from store.cache.pushing import push

        with closing(open_place(url)) as place:
            return push(store, place, plan), place.name
    from store.cache.reapi_push import push_to_server

    with closing(server_cache(url)) as cache:
        return push_to_server(store, cache, plan), cache.name


def log_from_caches(store: Store, log: bytes, emit: Callable[[Event], None]) -> bytes | None:
    """Return the log with this digest from the first cache of the settings that has it, with an
    event for each cache of no use. None when no cache has it.

    Raises UsageError, and the other errors of settings that cannot be used.
    """
    for each in chosen(store.layout, USUAL, Keyring(default_folder())):
        try:
            cache = connect(each.url)
            try:
                found = taken_log(cache, log)
            finally:
                cache.close()
        except (CacheUnusable, CorruptObject) as error:
            emit(CacheTrouble("", error.message))
            continue
        if found is not None:
            return found
    return None


def _caches(
    store: Store, options: CacheOptions, emit: Callable[[Event], None], offline: bool
) -> Iterator[TrustedCache]:
    for each in chosen(store.layout, options, Keyring(default_folder())):
        if offline and check_url(each.url) != "file":
            continue
        try:
            offers = connect(each.url)
        except CacheUnusable as error:
            emit(CacheTrouble(shown(each.url), error.message))
            continue
        yield TrustedCache(offers, each.keys or (), each.threshold)
