"""A catalogue is evaluated once, and again when anything that it came from was touched."""

from __future__ import annotations

import errno
import itertools
import json
import os
from pathlib import Path

import pytest

from store import catalogues, evaluate
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation

fresh = itertools.count()

RECIPES = """
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Source

def catalogue(seeds, seed):
    source = Source("src", "0" * 64, ("a:b",))
    node = Derivation("hello", "x86_64-linux", "/bin/sh", ("-c", seeds[seed]["say"]),
        inputs=(source.ref(),))
    package = Package("hello", node.digest, "1.0", "says hello", "MIT")
    return Catalogue({"hello": package}, collect([source, node]))
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """A folder of recipes with a package name that no other test imported."""
    folder = tmp_path / f"kept{next(fresh)}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "stages.py").write_text(RECIPES)
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text(json.dumps({"say": "hi"}))
    return folder


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every evaluation leaves the recipes' folder here."""
    done: list[str] = []
    real = evaluate.evaluate

    def counted(recipes: str, seed: str) -> Catalogue:
        done.append(recipes)
        return real(recipes, seed)

    monkeypatch.setattr(evaluate, "evaluate", counted)
    return done


def load(recipes: Path) -> Catalogue:
    return catalogues.load(str(recipes.parent / "cache"), str(recipes), "debian")


def test_a_kept_catalogue_is_used_and_is_the_same(recipes: Path, evaluations: list[str]) -> None:
    first, second = load(recipes), load(recipes)
    assert len(evaluations) == 1
    assert second.packages == first.packages
    assert dict(second.nodes) == dict(first.nodes)
    node = second.nodes[second.package("hello").node]
    assert isinstance(node, Derivation)
    assert node.args == ("-c", "hi")
    assert list(second.build_closure([node.digest])) == [node.refs[0].node, node.digest]


@pytest.mark.parametrize("touched", ["stages.py", "new.py", "../bootstrap-seeds/debian/seed.json"])
def test_a_touched_file_means_another_evaluation(
    recipes: Path, evaluations: list[str], touched: str
) -> None:
    load(recipes)
    with (recipes / touched).open("a") as stream:
        stream.write("\n")
    load(recipes)
    load(recipes)
    assert len(evaluations) == 2


def test_a_file_that_went_away_means_another_evaluation(
    recipes: Path, evaluations: list[str]
) -> None:
    (recipes / "more.py").touch()
    load(recipes)
    (recipes / "more.py").unlink()
    load(recipes)
    assert len(evaluations) == 2


def test_other_files_do_not_matter(recipes: Path, evaluations: list[str]) -> None:
    load(recipes)
    (recipes / "notes.txt").touch()
    load(recipes)
    assert len(evaluations) == 1


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "folder"])
def test_a_damaged_file_is_ignored(recipes: Path, evaluations: list[str], damage: str) -> None:
    expected = load(recipes)
    cache = recipes.parent / "cache"
    if damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        whole = cache.read_bytes()
        cache.write_bytes({"empty": b"", "garbage": b"\xc1x", "cut": whole[:-9]}[damage])
    found = load(recipes)
    assert len(evaluations) == 2
    assert found.packages == expected.packages


def test_a_place_that_cannot_be_written_to_is_no_error(
    recipes: Path, evaluations: list[str]
) -> None:
    for _ in range(2):
        catalogues.load(f"{recipes}/nowhere/cache", str(recipes), "debian")
    assert len(evaluations) == 2
    assert not os.path.exists(f"{recipes}/nowhere")


def test_the_seed_is_part_of_the_fingerprint(recipes: Path) -> None:
    of = catalogues.fingerprint
    assert of(str(recipes), "debian") == of(str(recipes), "debian")
    assert of(str(recipes), "debian") != of(str(recipes), "other")


def test_a_folder_that_holds_no_recipes_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "again").symlink_to(".")
    with pytest.raises(EvaluationError, match=r"holds no stages\.py"):
        catalogues.load(str(tmp_path / "cache"), str(tmp_path), "debian")


def test_recipes_that_cannot_be_read_are_told(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(EvaluationError, match="cannot be read: Permission denied"):
        catalogues.load(str(tmp_path / "cache"), str(recipes), "debian")
