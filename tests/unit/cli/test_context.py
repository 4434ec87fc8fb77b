"""Shared by commands: recipes are evaluated once, whatever else a command opens."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from store.cli.context import Context
from store.errors import UsageError
from store.recipes import reads
from tests.unit.recipes.test_catalogues import evaluations, recipes

__all__ = ["evaluations", "recipes"]


def test_a_command_that_makes_a_store_keeps_what_it_evaluated_before(
    recipes: Path, evaluations: list[str], tmp_path: Path
) -> None:
    time.sleep(reads.TICK / 1e9)
    root = tmp_path / "store"
    first = Context(str(root), str(recipes), debug=False)
    first.absent = "make"
    assert first.catalogue.packages
    assert not root.exists()  # as where the package is misspelt
    first.store.close()
    second = Context(str(root), str(recipes), debug=False)
    assert second.catalogue.packages == first.catalogue.packages
    assert len(evaluations) == 1
    assert os.listdir(root / "index").count("catalogue-debian") == 1


def test_a_store_that_is_nobodys_keeps_nothing(
    recipes: Path, evaluations: list[str], tmp_path: Path
) -> None:
    context = Context(str(tmp_path / "store"), str(recipes), debug=False)
    context.absent = "empty"
    assert context.catalogue.packages
    context.store.close()
    assert not (tmp_path / "store").exists()


def test_evaluations_of_the_session_too_take_as_long_as_the_user_allows(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_EVALUATION_TIMEOUT", "10m")
    # `store system` and `store profile` give the session to what does their work.
    assert Context(str(tmp_path), str(recipes), debug=False).session.evaluation_seconds == 600
    monkeypatch.setenv("STORE_EVALUATION_TIMEOUT", "soon")
    wrong = Context(str(tmp_path), str(recipes), debug=False)
    assert wrong.root == str(tmp_path)  # whoever evaluates nothing is not troubled
    with pytest.raises(UsageError, match="is no duration"):
        _ = wrong.session
