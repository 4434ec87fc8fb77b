"""The ledger that comes with the recipes is of these recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.audit import ledger
from store.recipes.evaluate import evaluate, read_seeds

RECIPES = str(Path(__file__).parents[3] / "derivations")
SEEDS = read_seeds(RECIPES)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_recipe_has_changed_since_the_ledger_was_written(seed: str) -> None:
    written = ledger.read(ledger.path_of(RECIPES))
    noted = {place: entry.derivation for place, entry in written.items() if place[0] == seed}
    now = {
        place: entry.derivation
        for place, entry in ledger.outline(evaluate(RECIPES, seed), seed).items()
    }
    changed = sorted({place[1] for place in noted.keys() & now if noted[place] != now[place]})
    new = sorted({place[1] for place in now.keys() - noted})
    gone = sorted({place[1] for place in noted.keys() - now})
    assert not (changed or new or gone), (
        f"on the seed {seed}, the ledger has other derivations for {changed}, lacks {new}, and has "
        f"{gone} of which there is no recipe: build what changed, then run "
        "`scripts/store audit ledger --update`, and commit derivations/ledger.tsv"
    )


def test_the_ledger_is_of_the_seeds_that_there_are() -> None:
    assert {seed for seed, _, _ in ledger.read(ledger.path_of(RECIPES))} == set(SEEDS)
