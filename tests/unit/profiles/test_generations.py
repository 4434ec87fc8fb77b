"""Generations are the links beside a profile, and only those."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.errors import StoreReadOnly, UsageError
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.profiles.generations import current_number, generations, link_of, profile_of

ONE = ObjectId(b"1" * 20, "profile")


def test_the_links_of_a_profile_are_told_from_all_else(tmp_path: Path) -> None:
    layout, profile = Layout(str(tmp_path / "root")), str(tmp_path / "p-1")
    os.makedirs(layout.objects)
    targets = {
        link_of(profile, 10): layout.object(ONE),
        link_of(profile, 9): ONE.path,
        link_of(profile, 11): f"{tmp_path}/root/../root/store/{ONE}",
        link_of(str(tmp_path / "p"), 1): layout.object(ONE),
        f"{profile}-0-link": layout.object(ONE),
        f"{profile}-07-link": layout.object(ONE),
        profile: "p-1-10-link",
    }
    for path, target in targets.items():
        os.symlink(target, path)
    (tmp_path / "p-1-12-link").touch()
    found = generations(profile, layout)
    assert [(each.number, each.object, each.current) for each in found] == [
        (9, None, False),
        (10, ONE, True),
        (11, ONE, False),
    ]
    assert [each.number for each in generations(str(tmp_path / "p"), layout)] == [1]


def test_a_path_that_is_something_else_is_no_profile(tmp_path: Path) -> None:
    profile = tmp_path / "p"
    assert current_number(str(profile)) is None
    profile.mkdir()
    with pytest.raises(UsageError, match="is not a link"):
        current_number(str(profile))
    profile.rmdir()
    profile.write_text("mine")
    with pytest.raises(UsageError, match="is not a link"):
        current_number(str(profile))
    profile.unlink()
    for target in ("q-1-link", "elsewhere/p-1-link", "p-0-link", "/etc"):
        profile.symlink_to(target)
        with pytest.raises(UsageError, match="is a link to"):
            current_number(str(profile))
        profile.unlink()
    profile.symlink_to("p-12-link")
    assert current_number(str(profile)) == 12
    with pytest.raises(UsageError, match="would be below a file"):
        current_number("/dev/null/p")


def test_a_place_that_cannot_be_seen_is_no_other_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: str) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "readlink", closed)
    with pytest.raises(StoreReadOnly) as caught:
        current_number("/secret/p")
    assert caught.value.message == "cannot look at the profile: Permission denied (/secret/p)"
    assert caught.value.hint == "name another place with --profile or $STORE_PROFILE"


def test_a_link_names_its_profile() -> None:
    assert profile_of(link_of("/home/x/p", 3)) == "/home/x/p"
    assert profile_of("/home/x-1-link/p") is None
