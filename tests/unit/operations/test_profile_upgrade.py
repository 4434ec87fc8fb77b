"""An upgrade before it is done: the change of each package, and the work for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import UnknownObject, WithoutRecipe
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.operations.profile_changes import ProfileChanges
from store.operations.profile_upgrade import UpgradeItem, plan_upgrade
from store.operations.session import Session
from tests.realised import realised


def derivation(name: str, version: str) -> Derivation:
    """A package that is built from nothing."""
    return Derivation(f"{name}-{version}", "x86_64-linux", "/bin/make")


def offer(session: Session, **versions: str) -> None:
    """Let the recipes have these packages, and no others."""
    nodes = {name: derivation(name, version) for name, version in versions.items()}
    packages = {name: Package(name, node.digest, versions[name]) for name, node in nodes.items()}
    session.__dict__["catalogue"] = Catalogue(packages, collect(nodes.values()))


def realise(session: Session, name: str, version: str) -> ObjectId:
    """Put the package into the store."""
    node = derivation(name, version)
    made = realised(session.store, node.resolve({}), node.digest, f"{name} {version}", inside=name)
    return made["out"]


@pytest.fixture
def changes(session: Session, tmp_path: Path) -> ProfileChanges:
    """A profile with ``one`` and ``two``, in their first versions."""
    (tmp_path / "mine").mkdir()
    made = ProfileChanges(session, str(tmp_path / "mine/p"))
    offer(session, one="1", two="1")
    for name in ("one", "two"):
        realise(session, name, "1")
    made.install([made.wanted("one"), made.wanted("two")])
    return made


def planned(session: Session, changes: ProfileChanges, *names: str) -> dict[str, UpgradeItem]:
    """The upgrade of each package."""
    return {item.package.name: item for item in plan_upgrade(session, changes, names).items}


def test_what_is_as_the_recipes_have_it_is_no_change(
    session: Session, changes: ProfileChanges
) -> None:
    plan = plan_upgrade(session, changes)
    assert [item.action for item in plan.items] == ["none", "none"]
    assert plan.changes == []
    assert not plan.work.nodes


def test_another_version_is_built_or_taken_from_the_store(
    session: Session, changes: ProfileChanges
) -> None:
    offer(session, one="2", two="2")
    there = realise(session, "two", "2")
    plan = plan_upgrade(session, changes)
    one, two = plan.items
    assert (one.action, one.version, one.objects) == ("build", "2", None)
    assert (one.size_after, one.download) == (None, None)
    assert (two.action, two.version, two.objects) == ("take", "2", (there,))
    assert (two.size_before, two.size_after) == (
        session.store.objects.total_size(two.package.objects),
        session.store.objects.total_size([there]),
    )
    assert two.download == 0
    assert plan.changes == [one, two]
    assert set(plan.work.nodes) == {derivation("one", "2").digest}


def test_of_named_packages_the_others_are_not_looked_at(
    session: Session, changes: ProfileChanges
) -> None:
    offer(session, one="2", two="2")
    found = plan_upgrade(session, changes, ["two"])
    assert [item.package.name for item in found.items] == ["two"]
    assert set(found.work.nodes) == {derivation("two", "2").digest}
    with pytest.raises(UnknownObject, match="three"):
        plan_upgrade(session, changes, ["two", "three"])


def test_a_package_without_a_recipe_stays_and_is_refused_by_name(
    session: Session, changes: ProfileChanges
) -> None:
    before = planned(session, changes)["two"].package
    offer(session, one="1")
    lost = planned(session, changes)["two"]
    assert (lost.action, lost.version, lost.objects) == ("lost", "1", before.objects)
    assert not lost.is_change
    with pytest.raises(WithoutRecipe, match="'two' is installed, but no recipe makes it any more"):
        plan_upgrade(session, changes, ["two"])


def test_an_object_that_was_installed_by_its_path_is_kept(
    session: Session, changes: ProfileChanges, tmp_path: Path
) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/tool").write_text("text")
    oid = session.add(str(tmp_path / "tool"), "tool")
    changes.install([changes.wanted(oid.path)])
    offer(session, one="1", two="1", tool="2")
    kept = planned(session, changes)["tool"]
    assert (kept.action, kept.objects) == ("keep", (oid,))
