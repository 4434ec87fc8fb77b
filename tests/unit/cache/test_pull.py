"""Pulling objects from caches: honest ones, lying ones, and pulls that are cut short."""

from __future__ import annotations

from store.cache.pull import pull
from store.local.store import Store
from tests.unit.cache.conftest import Origin


def test_a_closure_comes_whole_and_sound(origin: Origin, own: Store) -> None:
    low = origin.add("low", {"a/b/c": b"deep", "empty": b"", "same": b"deep"})
    high = origin.add_naming_itself("high", low)
    top = origin.add("top", {"large": b"x" * 5_000_000, "zeros": bytes(3 << 20)}, high)
    cache = origin.cache(top)
    pulled = pull(own, [cache], [top])
    assert pulled.taken == (low, high, top)
    assert (pulled.refused, pulled.damaged, pulled.unusable) == ({}, (), {})
    assert own.objects.closure([top]) == origin.store.objects.closure([top])
    assert own.objects.manifest(high) == origin.store.objects.manifest(high)
    assert len(cache.given()) == len(set(cache.given()))
