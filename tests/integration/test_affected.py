"""``store realise --affected-since``: the packages that a change of recipes touches."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from store import Session
from store.errors import EvaluationError
from store.operations.affected import affected
from tests.recipes.copies import copy_recipes


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, with nothing of the user's settings."""
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", folder, *who, *words], check=True, env=os.environ | own)


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """Toys in a repository with one commit."""
    recipes = copy_recipes("toys", tmp_path / "tree")
    seeds = recipes.parent / "bootstrap-seeds"
    real = seeds.resolve()
    seeds.unlink()
    for pins in real.glob("*/seed.json"):
        (seeds / pins.parent.name).mkdir(parents=True)
        (seeds / pins.parent.name / "seed.json").write_bytes(pins.read_bytes())
    git(recipes.parent, "init", "-q")
    git(recipes.parent, "add", "-A")
    git(recipes.parent, "commit", "-q", "-m", "one")
    return recipes


def test_packages_whose_derivations_differ_are_affected(recipes: Path, tmp_path: Path) -> None:
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        assert affected(session, "HEAD") == []
    (recipes / "parameters.json").write_text(json.dumps({"note": "another"}))
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        found = affected(session, "HEAD")
    assert {"upstream", "downstream"} <= set(found)
    assert "hello" not in found


def test_the_engine_beside_the_recipes_is_that_of_the_revision(
    recipes: Path, tmp_path: Path
) -> None:
    stages = recipes / "stages.py"
    engine = recipes.parent / "store" / "__init__.py"
    engine.parent.mkdir()
    engine.write_text("")
    read = "\n\nprint(open(__file__.rpartition('/')[0] + '/../store/__init__.py').read())\n"
    stages.write_text(stages.read_text() + read)
    git(recipes.parent, "add", "-A")
    git(recipes.parent, "commit", "-q", "-m", "two")
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        assert affected(session, "HEAD") == []


@pytest.mark.parametrize("target", ["../pins", "/pins", "inside"])
def test_seeds_may_be_behind_a_link(recipes: Path, tmp_path: Path, target: str) -> None:
    seeds = recipes.parent / "bootstrap-seeds"
    inside = target == "inside"
    place = (recipes.parent if inside else tmp_path) / "pins"
    seeds.rename(place)
    seeds.symlink_to("pins" if inside else str(place) if target[0] == "/" else target)
    (recipes / "elsewhere").symlink_to("/etc/hostname")
    git(recipes.parent, "add", "-A")
    git(recipes.parent, "commit", "-q", "-m", "two")
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        assert affected(session, "HEAD") == []
        assert affected(session, "HEAD~1") == []
    if inside:  # they are those of the revision
        (place / "debian" / "seed.json").write_text("none")
        git(recipes.parent, "commit", "-q", "-a", "-m", "three")
        git(recipes.parent, "revert", "--no-edit", "HEAD")
        with Session(str(tmp_path / "root"), str(recipes)) as session:
            assert affected(session, "HEAD") == []
            with pytest.raises(EvaluationError, match="at 'HEAD~1' do not evaluate"):
                affected(session, "HEAD~1")


def test_recipes_that_a_revision_has_elsewhere_are_none(recipes: Path, tmp_path: Path) -> None:
    below = recipes.parent / "below [x]"
    below.mkdir()
    git(recipes.parent, "mv", "toys", "bootstrap-seeds", str(below))
    git(recipes.parent, "commit", "-q", "-m", "two")
    with Session(str(tmp_path / "root"), str(below / "toys")) as session:
        assert affected(session, "HEAD") == []
        with pytest.raises(EvaluationError, match="there is no folder 'toys'"):
            affected(session, "HEAD~1")


def commit_and_mend(recipes: Path, fault: str) -> None:
    """Commit recipes with these lines at their end, and write the sound ones again."""
    stages = recipes / "stages.py"
    sound = stages.read_text()
    stages.write_text(f"{sound}\n\n{fault}")
    git(recipes.parent, "commit", "-q", "-a", "-m", "a fault")
    stages.write_text(sound)


def test_the_time_of_an_evaluation_bounds_that_of_the_revision(
    recipes: Path, tmp_path: Path
) -> None:
    commit_and_mend(recipes, "while True:\n    pass\n")
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        session.evaluation_seconds = 1.0
        with pytest.raises(EvaluationError, match="did not end within 1s"):
            affected(session, "HEAD")


@pytest.mark.parametrize("revision", ["none", "--output=x", "HEAD~5", ""])
def test_a_revision_that_there_is_not_is_an_error(
    recipes: Path, tmp_path: Path, revision: str
) -> None:
    with (
        Session(str(tmp_path / "root"), str(recipes)) as session,
        pytest.raises(EvaluationError, match="git has no recipes"),
    ):
        affected(session, revision)


def test_recipes_of_a_revision_that_do_not_evaluate_are_named_so(
    recipes: Path, tmp_path: Path
) -> None:
    commit_and_mend(recipes, "none_such\n")
    with Session(str(tmp_path / "root"), str(recipes)) as session:
        with pytest.raises(EvaluationError, match="recipes at 'HEAD' do not evaluate") as caught:
            affected(session, "HEAD")
        assert " toys/stages.py:" in caught.value.message
        assert "none_such" in caught.value.message
        assert caught.value.hint


def test_a_shallow_clone_says_how_to_get_the_rest(recipes: Path, tmp_path: Path) -> None:
    (recipes / "note.txt").write_text("two\n")
    git(recipes.parent, "commit", "-q", "-a", "-m", "two")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{recipes.parent}", "cut")
    with Session(str(tmp_path / "root"), str(tmp_path / "cut" / "toys")) as session:
        assert affected(session, "HEAD") == []
        with pytest.raises(EvaluationError, match="git has no recipes") as caught:
            affected(session, "HEAD~1")
    assert "--unshallow" in (caught.value.hint or "")
