"""Imports point downward only, and a few libraries have exactly one door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

LAYERS = [
    (
        {"errors", "digest", "canon", "events", "quantities", "kernel", "durable", "system"},
        "the ground: values, codecs, system calls",
    ),
    ({"model", "layout", "locks", "opening"}, "the pure model knows no I/O"),
    ({"index", "objects", "build"}, "mechanisms know the model, and not each other"),
    (
        {"store", "realisations", "holding", "roots", "discarding", "in_place"},
        "the façade alone orders object write and index transaction",
    ),
    (
        {"lower", "evaluate", "recipes", "catalogues", "knowledge", "mixtures", "work", "remote"},
        "evaluating a graph, knowing what of it is there, and one node's work stand on the façade",
    ),
    (
        {"scheduler", "gc", "audit", "verify", "recovery"},
        "the uses of the engine never import each other",
    ),
    ({"cli", "__main__"}, "the command line draws what the engine tells"),
]

DOORS = {
    "blake3": {"digest"},
    "msgpack": {"canon"},
    "lmdb": {"index"},
    "ctypes": {"kernel"},
    "click": {"cli"},
    "cryptography": {"audit"},
}

SEPARATE = {"index", "objects", "build", "scheduler", "gc", "audit", "verify", "recovery"}
"""Rooms of one layer that must not import each other (the ground's and the model's may)."""


def room(module: str) -> str:
    """The first name below ``store``: ``store.model.tree`` is in ``model``."""
    return module.split(".")[1] if "." in module else "store_package"


def imports(path: Path) -> list[tuple[int, str]]:
    """Every imported module of a file with its line, late imports included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            if module == "store":
                found += [(node.lineno, f"store.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, module))
    return found


def modules(package: str) -> list[tuple[str, Path]]:
    """Dotted names and files of a package."""
    result = []
    for path in sorted((TOP / package).rglob("*.py")):
        parts = path.relative_to(TOP).with_suffix("").parts
        result.append((".".join(part for part in parts if part != "__init__"), path))
    return result


def level(name: str) -> tuple[int, str]:
    """A room's layer and the reason that stands beside it."""
    for number, (rooms, reason) in enumerate(LAYERS):
        if name in rooms:
            return number, reason
    pytest.fail(f"store.{name} stands in no layer")


def test_every_import_points_downward() -> None:
    wrong = []
    for name, path in modules("store"):
        if "." not in name:
            continue
        here = room(name)
        for line, target in imports(path):
            if not target.startswith("store.") or room(target) == here:
                continue
            there = room(target)
            above, reason = level(there)
            if above > level(here)[0] or (above == level(here)[0] and {here, there} <= SEPARATE):
                wrong.append(f"{name}:{line} imports {target}: {reason}")
    assert not wrong, "\n".join(wrong)


def test_each_library_has_one_door() -> None:
    wrong = []
    for name, path in modules("store"):
        for line, target in imports(path):
            doors = DOORS.get(target.split(".")[0])
            if doors is not None and room(name) not in doors:
                wrong.append(f"{name}:{line} imports {target}, which only {doors} may")
    assert not wrong, "\n".join(wrong)


def test_the_engine_imports_no_recipe() -> None:
    wrong = [
        f"{name}:{line}"
        for name, path in modules("store")
        for line, target in imports(path)
        if target.split(".")[0] == "derivations"
    ]
    assert not wrong, wrong


def test_recipes_know_only_the_kit_and_the_kit_only_the_model() -> None:
    wrong = []
    for name, path in modules("derivations"):
        for line, target in imports(path):
            allowed = {"model", "errors"} if ".kit" in name else set()
            if name == "derivations.stages":
                allowed = {"model"}
            if target.startswith("store.") and room(target) not in allowed:
                wrong.append(f"{name}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    forbidden = {"utils", "util", "helpers", "common", "misc"}
    wrong = [name for name, _ in modules("store") if forbidden & set(name.split("."))]
    assert not wrong


def test_no_module_is_over_500_lines() -> None:
    long = {
        str(path.relative_to(TOP)): count
        for package in ("store", "derivations")
        for _, path in modules(package)
        if (count := len(path.read_text().splitlines())) > 500
    }
    assert not long
