"""The caches of a session, from its options and settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from store.cache.build_logs import taken_log
from store.cache.cache_options import USUAL, CacheOptions
from store.cache.configuration import CacheSetting, chosen
from store.cache.connecting import PLACES, check_url, connect, open_place, server_cache
from store.cache.file_names import MARKER
from store.errors import CorruptObject, MissingExtra, StoreError, UnusableKey, UsageError
from store.events import CacheTrouble, Event
from store.job_errors import CacheUnusable
from store.layout.paths import Layout
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.locators import shown
from store.model.realisation import Realisation
from store.reporting import Count, uncounted
from store.signing.keyring import Keyring, default_folder

if TYPE_CHECKING:
    from store.cache.push_plan import PushPlan
    from store.cache.pushing import Pushed
    from store.substitute.cached_nodes import CachedNodes
    from store.substitute.candidates import TrustedCache

_OF_NO_USE = (CacheUnusable, MissingExtra, UnusableKey)
"""Errors of a cache that this machine cannot ask: a run goes on with the others."""


def cached_nodes(
    store: Store,
    catalogue: Catalogue,
    options: CacheOptions,
    emit: Callable[[Event], None],
    *,
    settings: Layout,
    offline: bool = False,
) -> CachedNodes | None:
    """Return the nodes of a catalogue that the caches of a run may have; None when there are no
    caches. ``settings`` is the store with the settings. With ``offline``, only caches in folders
    are asked.

    Raises UsageError, and the other errors of settings that cannot be used.
    """
    wanted = [
        each
        for each in chosen(settings, options, Keyring(default_folder()))
        if not offline or check_url(each.url) == "file"
    ]
    if wanted:
        from store.substitute.cached_nodes import CachedNodes  # takes long to load

        caches = list(_caches(wanted, emit))
        return CachedNodes(store, catalogue, caches, options.threshold, emit)
    if options.only:
        raise UsageError(
            "there is no cache to take anything from",
            hint="with --offline, only caches in folders are asked"
            if offline
            else "name one with --cache, in $STORE_CACHES, or in config.toml",
        )
    return None


def push_to(
    store: Store, url: str, plan: PushPlan, progress: Count = uncounted
) -> tuple[Pushed, str]:
    """Push what a plan has into the cache at a URL; returns also the cache's name. ``progress``
    counts the objects that are put.

    Raises UsageError, CacheUnusable, and CorruptObject for an object that is damaged here.
    """
    if check_url(url) in PLACES:
        from store.cache.pushing import push

        with closing(open_place(url)) as place:
            return push(store, place, plan, progress), place.name
    from store.cache.reapi_push import push_to_server

    with closing(server_cache(url)) as cache:
        return push_to_server(store, cache, plan, progress), cache.name


def log_from_caches(
    store: Store, records: Sequence[Realisation], emit: Callable[[Event], None]
) -> bytes | None:
    """Return the log of one of these builds by others, with an event for each cache of no use. The
    caches from which they came are asked, and those of the settings. None when no cache has one.

    Raises UsageError, and the other errors of settings that cannot be used.
    """
    places = [each.origin.shown_place for each in records]
    settings = [each.url for each in chosen(store.layout, USUAL, Keyring(default_folder()))]
    logs = dict.fromkeys(each.log for each in records if each.log is not None)
    for url in dict.fromkeys((*filter(_is_cache, places), *settings)):
        try:
            with closing(connect(url)) as cache:
                for log in logs:
                    if (found := taken_log(cache, log)) is not None:
                        return found
        except CorruptObject as error:
            emit(CacheTrouble("", error.message))
        except _OF_NO_USE as error:
            emit(CacheTrouble("", _why(url, error)))
    return None


def _is_cache(place: str) -> bool:
    """Return whether a record came from a cache, and not from the folder of a store."""
    if os.path.isabs(place):
        return os.path.isfile(f"{place}/{MARKER}")
    try:
        check_url(place)
    except UsageError:
        return False
    return True


def _caches(
    settings: Iterable[CacheSetting], emit: Callable[[Event], None]
) -> Iterator[TrustedCache]:
    from store.substitute.candidates import TrustedCache  # takes long to load

    for each in settings:
        try:
            offers = connect(each.url)
        except _OF_NO_USE as error:
            emit(CacheTrouble("", f"{_why(each.url, error)}; it is asked nothing more in this run"))
            continue
        yield TrustedCache(offers, each.keys or (), each.threshold)


def _why(url: str, error: StoreError) -> str:
    """Return why a cache is of no use, in one line with the remedy."""
    hint = f" ({error.hint})" if error.hint else ""
    name = "" if isinstance(error, CacheUnusable) else f"the cache {shown(url)} cannot be used: "
    return f"{name}{error.message}{hint}"
