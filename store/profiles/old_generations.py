"""Old generations of all profiles of a store, for its collector."""

from __future__ import annotations

import contextlib
import time

from store.errors import StoreError
from store.local.store import Store
from store.profiles.generations import Generation, current_number, profile_of
from store.profiles.profile import Profile
from store.profiles.retention import Retention


def profiles(store: Store) -> list[Profile]:
    """Return the profiles whose generations are roots of the store, by path."""
    paths = {
        path
        for root in store.roots.all()
        if root.path is not None and root.holds is not None
        if (path := profile_of(root.path)) is not None
    }
    return [Profile(store, path) for path in sorted(paths) if _is_profile(path)]


def _is_profile(path: str) -> bool:
    try:
        return current_number(path) is not None
    except StoreError:
        return False  # links of somebody else's with such names, or in a closed folder


def old_generations(store: Store, rule: Retention) -> dict[str, list[Generation]]:
    """Return the generations that a rule does not keep, by the path of their profile. A profile
    that cannot be looked at has none."""
    found: dict[str, list[Generation]] = {}
    for profile in profiles(store):
        with contextlib.suppress(StoreError):
            found[profile.path] = rule.leaving(profile.generations(), time.time())
    return {path: old for path, old in found.items() if old}


def delete_old(store: Store, rule: Retention) -> dict[str, list[int]]:
    """Delete those generations; returns their numbers, by the path of their profile. One that this
    user may not change, or that is changed just now, keeps all."""
    deleted: dict[str, list[int]] = {}
    for path in old_generations(store, rule):
        profile = Profile(store, path)
        with contextlib.suppress(StoreError), profile.locked():
            old = rule.leaving(profile.generations(), time.time())
            deleted[path] = profile.delete(each.number for each in old)
    return {path: numbers for path, numbers in deleted.items() if numbers}
