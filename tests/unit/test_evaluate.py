"""Evaluation names the file and line that are to blame."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from store.errors import EvaluationError
from store.evaluate import evaluate, read_seeds

fresh = itertools.count()

GOOD = """
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation

def catalogue(seeds, seed):
    node = Derivation("hello", "x86_64-linux", "/bin/sh", ("-c", seeds[seed]["say"]))
    return Catalogue({"hello": Package("hello", node.digest)}, collect([node]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of recipes with a package name that no other test imported."""
    recipes = tmp_path / f"recipes{next(fresh)}"
    recipes.mkdir()
    (recipes / "__init__.py").touch()
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text(json.dumps({"say": "echo hi"}))
    return recipes


def blamed(folder: Path) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        evaluate(str(folder))
    return caught.value


def test_a_catalogue_comes_from_recipes_and_seeds(folder: Path) -> None:
    (folder / "stages.py").write_text(GOOD)
    catalogue = evaluate(str(folder))
    assert catalogue.nodes[catalogue.ref("hello").node].name == "hello"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("\n\nimport nothing_of_that_name\n", 3, "nothing_of_that_name"),
        ("def catalogue(seeds, seed):\n    a = 1\n    return a / 0\n", 3, "ZeroDivisionError"),
        (GOOD.replace('"hello", "x86', '".hello", "x86'), 6, "cannot name"),
        ("import sys\nsys.exit()\n", 2, "SystemExit"),
        ("class Odd(BaseException): pass\nraise Odd('x')\n", 2, "Odd: x"),
    ],
)
def test_a_recipe_that_does_not_evaluate_is_named(
    folder: Path, text: str, line: int, says: str
) -> None:
    (folder / "stages.py").write_text(text)
    error = blamed(folder)
    assert error.file == str(folder / "stages.py")
    assert error.line == line
    assert says in error.message
    assert error.message.startswith(f"{error.file}:{line}: ")


def test_the_recipe_is_blamed_rather_than_the_kit(folder: Path) -> None:
    kit = folder / "kit"
    kit.mkdir()
    (kit / "__init__.py").write_text("def check(x):\n    raise ValueError('no ' + x)\n")
    (folder / "gcc.py").write_text(f"from {folder.name}.kit import check\n\n\ncheck('cc')\n")
    (folder / "stages.py").write_text(f"from {folder.name} import gcc\n")
    error = blamed(folder)
    assert (error.file, error.line) == (str(folder / "gcc.py"), 4)
    assert "no cc" in error.message


def test_a_seed_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "stages.py").write_text(GOOD)
    path = folder.parent / "bootstrap-seeds" / "debian" / "seed.json"
    path.write_text("{\n  nonsense")
    error = blamed(folder)
    assert (error.file, error.line) == (str(path), 2)


@pytest.mark.parametrize(
    "text",
    ["[]", "7", '{"a": ' + "9" * 5000 + "}", "[" * 100_000, "\udc80"],
    ids=["a list", "a number", "too long a number", "too deep", "no UTF-8"],
)
def test_a_seed_that_is_something_else_is_named(folder: Path, text: str) -> None:
    seed = folder.parent / "bootstrap-seeds" / "debian" / "seed.json"
    seed.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(EvaluationError, match=r"seed\.json"):
        read_seeds(str(folder))


def test_an_unknown_seed_and_an_empty_folder_are_said(folder: Path) -> None:
    assert "no stages.py" in blamed(folder).message
    (folder / "stages.py").write_text(GOOD)
    with pytest.raises(EvaluationError, match="no seed is named 'zig'"):
        evaluate(str(folder), "zig")


def test_something_else_than_a_catalogue_is_refused(folder: Path) -> None:
    (folder / "stages.py").write_text("def catalogue(seeds, seed):\n    return {}\n")
    assert "no catalogue" in blamed(folder).message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("node.digest)}, c", "b'n' * 32)}, c", "the package 'hello' without its node"),
        ('"/bin/sh"', '"builtin:frob"', "whose builder 'builtin:frob' is unknown"),
        (
            '"/bin/sh"',
            '"/bin/sh", rootfs=Derivation("root", "x", "/bin/sh").ref(), args=',
            "'hello' without its input 'root'",
        ),
    ],
)
def test_a_catalogue_that_lacks_something_is_refused(
    folder: Path, old: str, new: str, says: str
) -> None:
    text = GOOD.replace(old, new).replace("args=, ", "args=")
    (folder / "stages.py").write_text(text)
    error = blamed(folder)
    assert error.file == str(folder / "stages.py")
    assert says in error.message
