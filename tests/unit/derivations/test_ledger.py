"""The ledgers that come with the recipes are of these recipes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.audit import ledger
from store.audit.ledger_file import LADDER, WORLD, LedgerEntry, LedgerKind, Place, path_of, read
from store.model.catalogue import Catalogue
from store.model.names import ObjectId
from store.recipes.evaluate import read_seeds

RECIPES = str(Path(__file__).parents[3] / "derivations")
SEEDS = read_seeds(RECIPES)


def written(kind: LedgerKind) -> dict[Place, LedgerEntry]:
    path = path_of(RECIPES, kind)
    if kind is WORLD and not os.path.exists(path):
        pytest.skip("the world has no ledger yet")
    return read(path, kind)


@pytest.mark.parametrize("kind", [LADDER, WORLD], ids=lambda kind: kind.file)
def test_no_recipe_has_changed_since_the_ledger_was_written(
    evaluated: Callable[[str, str], Catalogue], kind: LedgerKind
) -> None:
    noted = {(place, entry.derivation) for place, entry in written(kind).items()}
    now = {
        (place, entry.derivation)
        for seed in SEEDS
        for place, entry in ledger.outline(evaluated("derivations", seed), seed, kind).items()
    }
    lacking, more = (
        sorted({" ".join(place[: 2 if kind.has_seeds else 1]) for place, _ in entries})
        for entries in (now - noted, noted - now)
    )
    assert not (lacking or more), (
        f"{kind.file} lacks derivations of {lacking}, and has some of {more} that no recipe means: "
        f"build what changed, then run `scripts/{kind.update}`, and commit derivations/{kind.file}"
    )


STAGES = ("stage1", "stage2")


def test_the_ledger_is_of_the_seeds_that_there_are() -> None:
    assert {seed for seed, _, _ in written(LADDER)} == set(SEEDS)


def test_stages_1_and_2_have_the_same_paths_on_every_seed() -> None:
    found: dict[str, set[tuple[str, str, ObjectId | None]]] = {}
    for (seed, name, _), entry in written(LADDER).items():
        stage, _, package = name.partition(".")
        if stage in STAGES:
            found.setdefault(package, set()).add((seed, stage, entry.object))
    assert len(found) == 19  # 18 packages, and the root for builds of the stage above
    everywhere = {(seed, stage) for seed in SEEDS for stage in STAGES}
    for name, paths in found.items():
        assert {(seed, stage) for seed, stage, _ in paths} == everywhere, name
        assert None not in {oid for _, _, oid in paths}, name
        assert len({oid for _, _, oid in paths}) == 1, name
