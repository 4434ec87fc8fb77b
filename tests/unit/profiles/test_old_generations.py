"""The collector's rule for generations: of all profiles of a store, and of nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.gc.settings import parse
from store.local.store import Store
from store.profiles.old_generations import delete_old, old_generations, profiles
from store.profiles.profile import Profile
from store.profiles.retention import Retention
from tests.unit.profiles.conftest import added, step


def test_profiles_are_found_by_their_roots(profile: Profile, store: Store, tmp_path: Path) -> None:
    other = Profile(store, f"{store.layout.profiles}/default")
    packages = [added(store, tmp_path, name, {name: name}) for name in ("a", "b", "c")]
    for package in packages:
        step(profile, store, package)
        step(other, store, package)
    # Links of somebody else's that have such names.
    for name in ("result-1-link", "result-2-link", "wrong-1-link"):
        store.roots.link(str(tmp_path / name), packages[0].objects[0])
    (tmp_path / "wrong").symlink_to("elsewhere")
    assert [each.path for each in profiles(store)] == sorted([profile.path, other.path])
    found = old_generations(store, Retention(2))
    assert {path: [each.number for each in old] for path, old in found.items()} == {
        profile.path: [1],
        other.path: [1],
    }
    assert delete_old(store, Retention(1)) == {profile.path: [1, 2], other.path: [1, 2]}
    assert delete_old(store, Retention(1)) == {}
    assert os.path.lexists(tmp_path / "result-1-link")
    assert [each.number for each in profile.generations()] == [3]


@pytest.mark.root(reason="gives a folder to another user")
def test_the_profile_of_another_user_keeps_all(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        step(profile, store, added(store, tmp_path, name, {name: name}))
    os.chown(tmp_path / "mine", 4242, 4242)
    assert delete_old(store, Retention(1)) == {}
    assert len(profile.generations()) == 2


def test_a_profile_that_cannot_be_seen_keeps_all(
    profile: Profile, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        step(profile, store, added(store, tmp_path, name, {name: name}))

    def closed(path: str) -> str:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "readlink", closed)
        assert profiles(store) == []
        assert delete_old(store, Retention(1)) == {}
    assert len(profile.generations()) == 2


def test_the_rule_can_stand_in_the_settings() -> None:
    assert parse(b'[collect]\nkeep-generations = "5,30d"\n').policy().keep_generations == (
        Retention(5, 30 * 86400.0)
    )
    for value in (b"5", b'"x"', b'"0"', b"true"):
        with pytest.raises(ValueError, match="keep-generations is no number or age"):
            parse(b"[collect]\nkeep-generations = " + value + b"\n")
