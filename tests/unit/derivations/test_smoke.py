"""The world over the stand-in for stage 2: the same packages, and nothing of the ladder."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.model.catalogue import CHECKS, Catalogue
from store.model.derivation import Source
from store.recipes.evaluate import evaluate

TOP = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def catalogues() -> tuple[Catalogue, Catalogue]:
    """The distribution, and the recipes for a smoke test."""
    return evaluate(str(TOP / "derivations")), evaluate(str(TOP / "smoke"))


def test_each_package_of_the_world_can_be_built_and_checked(
    catalogues: tuple[Catalogue, Catalogue],
) -> None:
    checks, stand_ins = (
        {name for name, package in each.packages.items() if package.group == CHECKS}
        for each in catalogues
    )
    assert checks == stand_ins


def test_nothing_but_sources_is_shared_with_the_ladder(
    catalogues: tuple[Catalogue, Catalogue],
) -> None:
    real, smoke = catalogues
    shared = real.nodes.keys() & smoke.nodes.keys()
    kinds = {smoke.kind(node) for node in shared}
    assert kinds == {"fetch", "unpack"}
    assert all(
        isinstance(smoke.nodes[node], Source) or "-source-" in smoke.nodes[node].name
        for node in shared
    )
