"""Changes of a profile: each is a step to a generation, or nothing at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import PackageConflict, StoreFull, UnknownObject, UnknownPackage, UsageError
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.operations.profile_changes import ProfileChanges, WantedPackage, profile_path
from store.operations.session import Session
from store.profiles.installed import USUAL_PRIORITY
from store.profiles.profile import Profile


@pytest.fixture
def changes(session: Session, tmp_path: Path) -> ProfileChanges:
    (tmp_path / "mine").mkdir()
    return ProfileChanges(session, str(tmp_path / "mine/p"))


def package(session: Session, place: Path, name: str, path: str, text: str) -> ObjectId:
    """An object ``name`` with one file."""
    file = place / f"{name}-{text}" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return session.add(str(place / f"{name}-{text}"), name)


@pytest.fixture
def wanted(session: Session, changes: ProfileChanges, tmp_path: Path) -> dict[str, WantedPackage]:
    """Three packages that go together, and ``clash``, which has another file where ``a`` has
    one."""
    files = {"a": "bin/a", "b": "bin/b", "c": "bin/c", "clash": "bin/a"}
    return {
        name: changes.wanted(package(session, tmp_path, name, path, f"of {name}").path)
        for name, path in files.items()
    }


def state(changes: ProfileChanges) -> tuple[int | None, list[str]]:
    """The number of the current generation, and the names of its packages."""
    profile = changes.profile
    return profile.current_number(), sorted(profile.packages(profile.current()).packages)


def seen(changes: ProfileChanges, path: str) -> str:
    """Where the profile's entry at a path leads."""
    return os.readlink(f"{changes.profile.path}/{path}")


def test_a_package_is_installed_beside_others_and_its_files_are_there(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    step = changes.install([wanted["a"]])
    assert (step.origin, step.moved, sorted(step.after.packages)) == (None, True, ["a"])
    step = changes.install([wanted["b"], wanted["c"]])
    assert (sorted(step.before.packages), sorted(step.after.packages)) == (["a"], ["a", "b", "c"])
    assert state(changes) == (2, ["a", "b", "c"])
    assert seen(changes, "bin/b") == f"{wanted['b'].request}/bin/b"


def test_what_changes_nothing_makes_no_generation(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    first = changes.install([wanted["a"]])
    again = changes.install([wanted["a"]])
    assert not again.moved
    assert again.generation == first.generation
    assert len(changes.profile.generations()) == 1


def test_a_package_keeps_its_priority_unless_another_is_given(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    def priority() -> int:
        profile = changes.profile
        return profile.packages(profile.current()).packages["a"].priority

    changes.install([wanted["a"]])
    assert priority() == USUAL_PRIORITY
    changes.install([wanted["a"]], 3)
    changes.install([wanted["a"]])
    assert priority() == 3


def test_packages_that_differ_at_a_path_need_a_priority(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    changes.install([wanted["a"]])
    with pytest.raises(PackageConflict):
        changes.install([wanted["clash"]])
    assert state(changes) == (1, ["a"])
    changes.install([wanted["clash"]], USUAL_PRIORITY - 1)
    assert seen(changes, "bin/a") == f"{wanted['clash'].request}/bin/a"


def test_if_one_is_not_installed_none_is_removed(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    changes.install([wanted["a"], wanted["b"]])
    with pytest.raises(UnknownObject, match="nothing was changed") as refused:
        changes.remove(["a", "clas"])
    assert refused.value.hint == "`store profile list` names all that are"
    assert state(changes) == (1, ["a", "b"])
    changes.remove(["a"])
    assert state(changes) == (2, ["b"])


def test_a_misspelt_package_is_refused_with_near_names(
    changes: ProfileChanges, session: Session, tmp_path: Path
) -> None:
    oid = package(session, tmp_path, "library", "lib/l", "text")
    changes.install([changes.wanted(oid.path)])
    with pytest.raises(UnknownObject) as refused:
        changes.remove(["libary"])
    assert refused.value.hint == "did you mean library?"


def test_a_replacement_leaves_out_what_is_not_installed_any_more(
    changes: ProfileChanges, session: Session, wanted: dict[str, WantedPackage], tmp_path: Path
) -> None:
    changes.install([wanted["a"], wanted["b"]])
    newer = changes.wanted(package(session, tmp_path, "a", "bin/a", "newer").path)
    step = changes.replace([newer, wanted["c"]])
    assert sorted(step.after.packages) == ["a", "b"]
    assert step.after.packages["a"].objects == (newer.object,)


def test_a_profile_can_have_only_what_is_named(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    changes.install([wanted["a"], wanted["b"]])
    assert sorted(changes.only([wanted["c"]]).after.packages) == ["c"]


def test_earlier_generations_are_gone_back_to_and_deleted(
    changes: ProfileChanges, wanted: dict[str, WantedPackage]
) -> None:
    with pytest.raises(UnknownObject, match="no generation before the current one"):
        changes.rollback()
    for name in ("a", "b", "c"):
        changes.install([wanted[name]])
    step = changes.rollback()
    assert (step.moved, state(changes)) == (True, (2, ["a", "b"]))
    changes.switch(1)
    assert state(changes) == (1, ["a"])
    with pytest.raises(UnknownObject):
        changes.switch(9)
    assert changes.delete(lambda generations: generations) == [2, 3]  # not the current one
    assert [each.number for each in changes.profile.generations()] == [1]


def test_a_damaged_generation_can_be_left(
    changes: ProfileChanges, session: Session, wanted: dict[str, WantedPackage]
) -> None:
    changes.install([wanted["a"]])
    changes.install([wanted["b"]])
    current = changes.profile.current()
    assert current is not None
    held = changes.profile.held(current)
    os.rename(session.path(held), f"{session.store.layout.tmp}/away")
    step = changes.switch(1)
    assert (step.origin, step.before.packages) == (None, {})
    assert state(changes) == (1, ["a"])


@pytest.mark.parametrize("room", [True, False])
def test_on_a_full_disk_a_step_is_tried_again_once_there_is_room(
    changes: ProfileChanges,
    session: Session,
    wanted: dict[str, WantedPackage],
    monkeypatch: pytest.MonkeyPatch,
    room: bool,
) -> None:
    real, asked = Profile.advance, list[bool]()

    def advance(*args: object) -> object:
        if not asked:
            raise StoreFull("the disk is full")
        return real(*args)  # type: ignore[arg-type]

    def make_room(urgent: bool) -> bool:
        with changes.profile.locked():  # a collection can delete generations meanwhile
            asked.append(urgent)
        return room

    monkeypatch.setattr(Profile, "advance", advance)
    monkeypatch.setattr(session, "make_room", make_room)
    if room:
        changes.install([wanted["a"]])
    else:
        with pytest.raises(StoreFull):
            changes.install([wanted["a"]])
    assert asked == [True]
    assert state(changes) == ((1, ["a"]) if room else (None, []))


@pytest.mark.slow
def test_a_package_is_named_by_its_recipe_or_a_path(
    changes: ProfileChanges, session: Session, wanted: dict[str, WantedPackage]
) -> None:
    found = changes.wanted("note")
    assert (found.name, found.request, len(found.refs)) == ("note", "note", 1)
    assert found.object is None
    assert wanted["a"].object is not None
    assert wanted["a"].request == wanted["a"].object.path
    with pytest.raises(UnknownPackage):
        changes.wanted("noet")
    with pytest.raises(UnknownObject):
        changes.wanted("/store/nothing")


def test_a_profile_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(str(tmp_path / "root"))
    monkeypatch.delenv("STORE_PROFILE", raising=False)
    assert profile_path(None, layout) == f"{layout.profiles}/default"
    assert profile_path(str(tmp_path / "p"), layout) == str(tmp_path / "p")
    monkeypatch.setenv("STORE_PROFILE", str(tmp_path / "other"))
    assert profile_path(None, layout) == str(tmp_path / "other")
    assert profile_path("a" * 200, layout).endswith("/" + "a" * 200)
    for text in ("", "/", "a\nb", "a" * 201, "\xe4" * 101):
        with pytest.raises(UsageError):
            profile_path(text, layout)


def test_no_profile_has_the_name_of_a_generation(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "root"))
    with pytest.raises(UsageError) as caught:
        profile_path(str(tmp_path / "p-3-link"), layout)
    assert caught.value.message == (
        f"'{tmp_path}/p-3-link' cannot name a profile: a generation of '{tmp_path}/p' has such a "
        "name"
    )
    for name in ("p-link", "p-0-link", "p-3-links", "-3-link"):
        assert profile_path(str(tmp_path / name), layout) == str(tmp_path / name)


def test_two_packages_of_one_name_are_refused(
    session: Session, changes: ProfileChanges, wanted: dict[str, WantedPackage], tmp_path: Path
) -> None:
    other = changes.wanted(package(session, tmp_path, "a", "bin/x", "another").path)
    with pytest.raises(UsageError, match=f"'{wanted['a'].request}' and '{other.request}' are both"):
        changes.install([wanted["a"], wanted["b"], other])
    assert changes.profile.generations() == []
    changes.install([wanted["a"], wanted["a"]])
    assert state(changes) == (1, ["a"])


def test_a_name_that_is_given_twice_is_missing_once(changes: ProfileChanges) -> None:
    with pytest.raises(UnknownObject, match=r"^'x' is not installed"):
        changes.remove(["x", "x"])
