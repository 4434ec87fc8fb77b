"""A profile in a real store: its steps, and the things that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import (
    CorruptObject,
    NotOwner,
    PackageConflict,
    StoreError,
    UnknownObject,
    UsageError,
)
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.local.store import Store
from store.profiles.installed import LIST, Installed
from store.profiles.profile import Profile
from tests.unit.profiles.conftest import added, step


def collect(store: Store) -> set[str]:
    """Collect; the names of the objects that are left."""
    Collector(store).collect(Policy())
    return {oid.name for oid, _ in store.objects.all()}


def test_a_step_makes_an_object_a_root_and_a_link(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    one = added(store, tmp_path, "one", {"bin/a": "#!a", "doc": "text"})
    assert profile.current() is None
    assert profile.generations() == []
    assert step(profile, store, one) == 1
    current = profile.current()
    assert current is not None and current.object is not None
    assert profile.packages(current) == Installed.of([one])
    assert store.objects.references(current.object) == one.objects
    assert os.readlink(profile.path) == "p-1-link"
    assert os.readlink(f"{profile.path}/bin") == f"{one.objects[0].path}/bin"
    assert sorted(os.listdir(profile.path)) == ["bin", "doc", "launchers", LIST]
    assert collect(store) == {"one", "profile"}


def test_equal_generations_are_one_object_and_the_newest_is_not_made_again(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    one, two = (added(store, tmp_path, name, {name: name}) for name in ("one", "two"))
    assert [step(profile, store, *each) for each in ([one], [one, two], [two, one], [one])] == [
        *(1, 2, 2, 3)
    ]
    first, _, last = profile.generations()
    assert first.object == last.object
    assert [each.current for each in profile.generations()] == [False, False, True]


def test_a_step_that_fails_changes_nothing(profile: Profile, store: Store, tmp_path: Path) -> None:
    one = added(store, tmp_path, "one", {"a": "1"})
    step(profile, store, one)
    before = sorted(os.listdir(tmp_path / "mine"))
    for files in ({"a": "2"}, {LIST: "x"}, {"launchers/x": "y"}):
        bad = added(store, tmp_path, "bad" + "".join(files).replace("/", ""), files)
        with pytest.raises(PackageConflict, match=f"'{bad.name}'"):
            step(profile, store, one, bad)
    (tmp_path / "file").write_text("file")
    alone = one._replace(name="file", objects=(store.objects.add(str(tmp_path / "file"), "file"),))
    with pytest.raises(UsageError, match="-file is a file"):
        step(profile, store, one, alone)
    os.symlink("/nowhere", tmp_path / "link")
    link = one._replace(name="link", objects=(store.objects.add(str(tmp_path / "link"), "link"),))
    with pytest.raises(UsageError, match="-link is a link"):
        step(profile, store, one, link)
    assert sorted(os.listdir(tmp_path / "mine")) == before
    assert os.listdir(store.layout.tmp) == []


def test_switching_goes_anywhere_and_keeps_all(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    packages = [added(store, tmp_path, name, {name: name}) for name in ("a", "b", "c")]
    for package in packages:
        step(profile, store, package)
    times = {each.number: each.time for each in profile.generations()}
    for number in (1, 3, 2):
        profile.switch(profile.generation(number))
        current = profile.current()
        assert current is not None and current.number == number
    assert {each.number: each.time for each in profile.generations()} == times
    assert collect(store) == {"a", "b", "c", "profile"}
    with pytest.raises(UnknownObject, match="no generation 4"):
        profile.generation(4)


def test_deleted_generations_go_with_the_next_collection_and_never_the_current_one(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        step(profile, store, added(store, tmp_path, name, {name: name}))
    profile.switch(profile.generation(2))
    assert profile.delete([1, 2, 3, 9]) == [1, 3]
    assert [each.number for each in profile.generations()] == [2]
    assert len(store.roots.all()) == 1
    assert collect(store) == {"b", "profile"}
    assert step(profile, store, added(store, tmp_path, "d", {"d": "d"})) == 3


def test_a_generation_whose_object_is_missing_is_refused(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        step(profile, store, added(store, tmp_path, name, {name: name}))
    store.roots.remove(profile.generation(1).link)
    assert collect(store) == {"b", "profile"}
    gone = profile.generation(1)
    for look in (profile.switch, profile.packages, profile.held):
        with pytest.raises(UnknownObject, match=r"generation 1 of .* is missing: this store holds"):
            look(gone)
    os.unlink(gone.link)
    os.symlink("/elsewhere", gone.link)
    with pytest.raises(UnknownObject, match="its link leads to '/elsewhere', out of this"):
        profile.switch(profile.generation(1))
    assert os.readlink(profile.path) == "p-2-link"


def test_where_no_generation_is_left_the_way_out_is_said(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    step(profile, store, added(store, tmp_path, "a", {"a": "a"}))
    only = profile.generation(1)
    os.unlink(only.link)
    os.symlink(f"{store.layout.objects}/{'0' * 32}-profile", only.link)
    for look in (profile.held, profile.packages):
        with pytest.raises(UnknownObject) as caught:
            look(profile.generation(1))
        assert f"remove {profile.path} and {profile.path}-*-link" in (caught.value.hint or "")
    os.unlink(only.link)
    with pytest.raises(UnknownObject, match="no generation 1") as caught:
        profile.current()
    assert f"remove {profile.path} and" in (caught.value.hint or "")
    os.unlink(profile.path)
    assert profile.current() is None
    with pytest.raises(UnknownObject) as caught:
        profile.generation(1)
    assert caught.value.hint == "no package was installed there yet"


def test_a_link_that_a_kill_left_without_a_root_becomes_one(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        step(profile, store, added(store, tmp_path, name, {name: name}))
    first = profile.generation(1)
    store.roots.remove(first.link)
    profile.switch(first)
    assert store.roots.has_link(first.link)
    assert collect(store) == {"a", "b", "profile"}


def test_a_damaged_list_is_said_so(profile: Profile, store: Store, tmp_path: Path) -> None:
    step(profile, store, added(store, tmp_path, "a", {"a": "a"}))
    current = profile.current()
    assert current is not None and current.object is not None
    file = Path(store.layout.object(current.object)) / LIST
    for damage in (b"", b"{}", file.read_bytes().replace(b'"1"', b'"2"'), b"\xff"):
        file.chmod(0o644)
        file.write_bytes(damage)
        with pytest.raises(CorruptObject, match=r"generation 1 of .* is damaged"):
            profile.packages(current)
    file.parent.chmod(0o755)
    file.unlink()
    with pytest.raises(StoreError):
        profile.packages(current)


@pytest.mark.parametrize("place", ["folder", "file", "link", "none/p", "file/p", "root/p"])
def test_where_no_profile_can_be_nothing_is_changed(
    place: str, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")
    one = added(store, tmp_path, "one", {"a": "a"})
    before = sorted(os.listdir(tmp_path)), sorted(os.listdir(store.layout.root))
    profile = Profile(store, str(tmp_path / place))
    with pytest.raises(StoreError) as caught:
        step(profile, store, one)
    assert caught.value.exit_code in (2, 50)
    if place == "none/p":
        hint = "make the folder, or name another place with --profile or $STORE_PROFILE"
        assert caught.value.hint == hint
    assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(store.layout.root))) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_profile_in_the_stores_own_folder_needs_none(store: Store, tmp_path: Path) -> None:
    profile = Profile(store, f"{store.layout.profiles}/default")
    assert step(profile, store, added(store, tmp_path, "one", {"a": "a"})) == 1
    store.close()
    again = Store.open(store.layout.root)
    current = Profile(again, profile.path).current()
    assert current is not None and current.number == 1


@pytest.mark.root(reason="gives a folder to another user")
def test_the_profile_of_another_user_is_refused(
    profile: Profile, store: Store, tmp_path: Path
) -> None:
    one = added(store, tmp_path, "one", {"a": "a"})
    step(profile, store, one)
    os.chown(tmp_path / "mine", 4242, 4242)
    with pytest.raises(NotOwner, match="belongs to user 4242") as caught:
        step(profile, store)
    assert caught.value.hint == "name another place with --profile or $STORE_PROFILE"
    assert [each.number for each in profile.generations()] == [1]


def test_generations_stay_when_a_link_to_their_folder_leads_elsewhere(
    store: Store, tmp_path: Path
) -> None:
    for name in ("real", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "now").symlink_to("real")
    through = Profile(store, str(tmp_path / "now" / "p"))
    step(through, store, added(store, tmp_path, "a", {"a": "a"}))
    assert through.generation(1).link == str(tmp_path / "real" / "p-1-link")
    (tmp_path / "now").unlink()
    (tmp_path / "now").symlink_to("other")
    assert [root.path for root in store.roots.all()] == [str(tmp_path / "real" / "p-1-link")]
    assert collect(store) == {"a", "profile"}
    assert Profile(store, str(tmp_path / "real" / "p")).current_number() == 1
    assert through.generations() == []
