"""From a folder of recipes to a catalogue: the one place that runs recipe code.

The folder is a Python package with a module ``stages`` that offers ``catalogue(seeds, seed)``;
beside it lies ``bootstrap-seeds/`` with one ``seed.json`` a folder. The engine imports no recipe.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from store.errors import EvaluationError, StoreError
from store.model.catalogue import Catalogue
from store.model.derivation import BUILTIN, BUILTINS, Source


def read_seeds(recipes: str) -> dict[str, Mapping[str, Any]]:
    """Each seed's ``seed.json`` by name; EvaluationError when one cannot be read."""
    folder = os.path.join(os.path.dirname(os.path.abspath(recipes)), "bootstrap-seeds")
    return dict(_each_seed(folder)) if os.path.isdir(folder) else {}


def _each_seed(folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "seed.json")
        if not os.path.exists(path):
            continue
        try:
            with open(path, encoding="utf-8") as stream:
                pins = json.load(stream)
        except json.JSONDecodeError as error:
            raise EvaluationError(error.msg, file=path, line=error.lineno) from error
        except (OSError, ValueError, RecursionError) as error:
            # ValueErrors too: what is no UTF-8, and an integer of a million digits.
            raise EvaluationError(f"cannot be read: {error}", file=path) from error
        if not isinstance(pins, dict):
            raise EvaluationError("not a JSON object", file=path)
        yield name, pins


def evaluate(recipes: str, seed: str = "debian") -> Catalogue:
    """The catalogue of the folder ``recipes``, its ladder standing on the seed named ``seed``.

    EvaluationError names the file and line that are to blame.
    """
    recipes = os.path.abspath(recipes)
    if not os.path.isfile(os.path.join(recipes, "stages.py")):
        raise EvaluationError(
            f"{recipes} holds no stages.py", hint="name a folder of recipes with --recipes"
        )
    seeds = read_seeds(recipes)
    if seed not in seeds:
        raise EvaluationError(f"no seed is named {seed!r}", hint=f"seeds: {', '.join(seeds)}")
    parent, package = os.path.split(recipes)
    if parent not in sys.path:
        sys.path.insert(0, parent)
    try:
        stages = importlib.import_module(f"{package}.stages")
        result = stages.catalogue(seeds, seed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too: a recipe must not end the process in silence
        raise _blame(error, recipes) from error
    wrong = _amiss(result)
    if wrong:
        raise EvaluationError(f"catalogue() returned {wrong}", file=f"{recipes}/stages.py")
    assert isinstance(result, Catalogue)
    return result


def _amiss(result: object) -> str | None:
    """What about the value of catalogue() would let work on it fail half-way."""
    if not isinstance(result, Catalogue):
        return "no catalogue"
    for package in result.packages.values():
        if package.node not in result.nodes:
            return f"the package {package.name!r} without its node"
    for node in result.nodes.values():
        if isinstance(node, Source):
            continue
        if node.builder.startswith(BUILTIN) and node.builder not in BUILTINS:
            return f"{node.name!r}, whose builder {node.builder!r} is unknown"
        for ref in node.refs:
            if ref.node not in result.nodes:
                return f"{node.name!r} without its input {ref.name!r}"
    return None


def _blame(error: BaseException, recipes: str) -> StoreError:
    if isinstance(error, EvaluationError) and error.file:
        return error
    file, line = _place(error, recipes)
    if isinstance(error, EvaluationError):
        error.args = (f"{file}:{line}: {error.message}",)
        error.message, error.file, error.line = error.args[0], file, line
        return error
    text = error.message if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        text = f"SyntaxError: {error.msg}"
    return EvaluationError(text, file=file, line=line)


def _place(error: BaseException, recipes: str) -> tuple[str, int]:
    """The innermost place in a recipe; the kit's own lines only when there is no other."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    frames = [
        (frame.filename, frame.lineno or 1)
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(recipes + os.sep)
    ]
    kit = os.path.join(recipes, "kit") + os.sep
    outside = [frame for frame in frames if not frame[0].startswith(kit)]
    return (outside or frames or [(os.path.join(recipes, "stages.py"), 1)])[-1]
