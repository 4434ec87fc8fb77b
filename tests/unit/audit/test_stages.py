"""Which packages have to come out equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store.audit.stages import Ladder
from store.errors import UnknownPackage
from store.local.store import Store
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from store.recipes.evaluate import read_seeds

RECIPES = str(Path(__file__).parents[3] / "derivations")


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    names = ("stage1.a", "stage2.a", "stage3.a", "stage1.b", "stage2.b", "other")
    nodes = [Derivation(name="x", system=name, builder="/bin/sh") for name in names]
    packages = {name: Package(name, node.digest) for name, node in zip(names, nodes, strict=True)}
    for package, twin in (
        ("stage2.a", "stage1.a"),
        ("stage3.a", "stage2.a"),
        ("stage2.b", "stage1.b"),
    ):
        packages[package] = Package(package, packages[package].node, twin=twin, any_seed=True)
    packages["a"] = Package("a", packages["stage1.a"].node)
    return Ladder(Store.open(str(tmp_path / "root")), "s", Catalogue(packages, collect(nodes)))


def test_twins_are_held_to_each_other_and_others_are_not(ladder: Ladder) -> None:
    assert set(ladder.held()) == {"stage1.a", "stage2.a", "stage3.a", "stage1.b", "stage2.b"}


@pytest.mark.parametrize("name", ["a", "stage1.a", "stage2.a", "stage3.a"])
def test_a_package_stands_for_its_twins_of_every_stage(ladder: Ladder, name: str) -> None:
    assert ladder.select([name]) == {"stage1.a", "stage2.a", "stage3.a"}


def test_a_package_that_does_not_exist_is_an_error(ladder: Ladder) -> None:
    with pytest.raises(UnknownPackage):
        ladder.select(["nothing"])


def test_what_is_not_realised_has_outputs_without_objects(ladder: Ladder) -> None:
    assert ladder.objects("stage1.a") == {"out": None}
    assert not ladder.is_realised()


@pytest.mark.slow
@pytest.mark.parametrize("seed", read_seeds(RECIPES))
def test_every_twin_in_the_recipes_is_a_package_of_the_same_recipe(
    evaluated: Callable[[str, str], Catalogue], seed: str
) -> None:
    catalogue = evaluated("derivations", seed)
    twins = [package for package in catalogue.packages.values() if package.twin]
    # A seed that only has the chain has no more than the chain's twins.
    least = 16 if "gcc" in catalogue.packages else 1
    assert len(twins) >= least, "stage 2 of the distribution, and the small ladder's last rungs"
    for package in twins:
        other = catalogue.package(package.twin)
        assert catalogue.nodes[package.node].name == catalogue.nodes[other.node].name
        assert (package.version, package.any_seed) == (other.version, other.any_seed)
