"""Users with stores and keys of their own; they share small recipes and a cache."""

from __future__ import annotations

from pathlib import Path

from tests.faults.subjects import small_recipes
from tests.integration.conftest import Shop


def user(archive: Path, place: Path, *trusted: Shop, dice: bool = False) -> Shop:
    """An empty store, a key, and keys that are trusted."""
    env = {"XDG_CONFIG_HOME": str(place / "config")}
    shop = Shop(place / "root", small_recipes(place, archive, dice=dice), env)
    shop.path("key", "new", place.name)
    for other in trusted:
        shop.path("key", "trust", other.path("key", "show"))
    return shop


def cut_off(archive: Path, place: Path, *trusted: Shop) -> Shop:
    """A user who cannot fetch the archive: no source has a locator that answers."""
    copy = place.parent / archive.name  # the name is the source's, too
    copy.write_bytes(archive.read_bytes())
    shop = user(copy, place, *trusted)
    copy.unlink()
    return shop


def own(shop: Shop) -> set[str]:
    """The objects of a store."""
    return {each.name for each in (shop.root / "store").iterdir()}


def closure(shop: Shop, path: str) -> set[str]:
    """The objects that one refers to, and itself."""
    return {Path(each).name for each in shop.path("closure", path).split("\n")}
