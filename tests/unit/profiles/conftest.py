"""A store with two packages, and a profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from store.local.store import Store
from store.profiles.installed import Installed, InstalledPackage
from store.profiles.profile import Profile


@pytest.fixture
def profile(store: Store, tmp_path: Path) -> Profile:
    """A profile in a folder of its own; nothing was installed there yet."""
    (tmp_path / "mine").mkdir()
    return Profile(store, str(tmp_path / "mine" / "p"))


def added(store: Store, place: Path, name: str, files: Mapping[str, str]) -> InstalledPackage:
    """A package of these files, by their paths, in the store; scripts begin with ``#!``."""
    for path, text in files.items():
        file = place / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if text.startswith("#!") else 0o644)
    oid = store.objects.add(str(place / name), name)
    return InstalledPackage(name, "1", name, (oid,))


def step(profile: Profile, store: Store, *packages: InstalledPackage) -> int:
    """Step to a generation with these packages; its number."""
    with profile.locked(), store.leases.begin() as lease:
        return profile.advance(Installed.of(packages), lease).number
