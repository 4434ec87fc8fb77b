"""Imports point downward only, and a few libraries have exactly one door."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.syntax import import_statements, parsed, statements

TOP = Path(__file__).resolve().parents[2]

LAYERS = [
    (
        {"errors", "job_errors", "display", "digest", "canon", "events", "reporting", "quantities"},
        "vocabulary: every room may use it",
    ),
    ({"system"}, "what the operating system offers knows nothing of stores"),
    ({"model"}, "the pure model knows no I/O"),
    ({"layout"}, "where things are is known before anything is read there"),
    (
        {"index", "objects", "sandbox", "fetch", "unpack", "images", "activation", "reapi"},
        "mechanisms know the model, and not each other",
    ),
    ({"signing"}, "a statement is read without knowing any store"),
    ({"local"}, "the store of this machine alone orders object write and index transaction"),
    (
        {"recipes", "graph", "jobs", "usage", "profiles", "cache", "farm"},
        "evaluating, resolving, one job, what is installed, what others offer",
    ),
    ({"substitute"}, "what comes from elsewhere is checked by means of the rooms below"),
    ({"attest"}, "statements are about what is built here or came from elsewhere"),
    (
        {"scheduler", "gc", "audit", "verify", "recovery", "sbom"},
        "the uses of the engine never import each other",
    ),
    ({"operations"}, "combines the uses; a script starts here"),
    ({"cli", "__main__"}, "the command line parses and draws"),
]

DOORS = {
    "blake3": {"digest"},
    "msgpack": {"canon"},
    "lmdb": {"index"},
    "ctypes": {"system.ctypes_calls"},
    "_ctypes": {"profiles.launch"},  # a program of its own, which has to start at once
    "_fixpoint_calls": {"system.builtin_calls", "profiles.launch"},
    "ssl": {"fetch.tls"},
    "google": {"reapi"},
    "grpc": {"reapi"},
    "click": {"cli"},
    "rich": {"cli.live"},
    "cryptography": {"signing.ed25519"},
    "_fixpoint_ed25519": {"signing.ed25519"},
    "backports": {"cache.zstd"},
    "cyclonedx": {"sbom.cyclonedx_form"},
    "packageurl": {"sbom.cyclonedx_form"},
    "spdx_tools": {"sbom.spdx_form"},
    "license_expression": {"sbom.spdx_form"},
}

SEPARATE = [
    {"index", "objects", "sandbox", "fetch", "unpack", "images", "activation", "reapi"},
    {"recipes", "graph", "jobs", "usage", "profiles"},
    {"scheduler", "gc", "audit", "verify", "recovery", "sbom"},
]
"""Rooms of one layer that must not import each other."""

BOXES = {
    "store": "vocabulary",
    "store.system": "one module for each thing that the operating system offers",
    "store.cli.commands": "one module for each command",
}
"""Folders whose modules need not be tied to each other, with the reason."""

MOST_METHODS = 15
"""Public methods of a class, with those that it inherits from classes of ``store``."""


def room(module: str) -> str:
    """The first name below ``store``: ``store.model.file_tree`` is in ``model``."""
    return module.split(".")[1] if "." in module else "store_package"


def imports(path: Path) -> list[tuple[int, str]]:
    """Every imported module of a file with its line, late imports included."""
    found = []
    for node in import_statements(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        else:
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
            apart = any({here, there} <= rooms for rooms in SEPARATE)
            if above > level(here)[0] or (above == level(here)[0] and apart):
                wrong.append(f"{name}:{line} imports {target}: {reason}")
    assert not wrong, "\n".join(wrong)


def within(module: str, doors: set[str]) -> bool:
    """Return whether a module is one of the doors, or below one."""
    return any(f"{module}.".startswith(f"store.{door}.") for door in doors)


def test_each_library_has_one_door() -> None:
    wrong = []
    for name, path in modules("store"):
        for line, target in imports(path):
            doors = DOORS.get(target.split(".")[0])
            if doors is not None and not within(name, doors):
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
    for name, path in (*modules("derivations"), *modules("smoke")):
        for line, target in imports(path):
            # Wheels stand in for packages, and the kit has no maker of what is not built.
            own = ".kit" in name or name in ("smoke.stages", "smoke.python")
            allowed = {"model", "errors"} if own else set()
            if name == "derivations.stages":
                allowed = {"model"}
            if target.startswith("store.") and room(target) not in allowed:
                wrong.append(f"{name}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    forbidden = {"utils", "util", "helpers", "common", "misc"}
    wrong = [name for name, _ in modules("store") if forbidden & set(name.split("."))]
    assert not wrong


LONGEST = 400
"""Lines of a module."""


def test_modules_are_short() -> None:
    lines = {
        name: len(path.read_text().splitlines())
        for package in ("store", "derivations")
        for name, path in modules(package)
    }
    assert {name: n for name, n in lines.items() if n > LONGEST} == {}


RENAMERS = {
    "system.whole_file": "the door",
    "jobs.job": "a folder is renamed, and a file made in it",
    "images.oci_image": "the name is the digest, in a folder that nobody else knows yet",
}
"""Modules with a function that both makes a file and renames, with the reason."""


def test_a_file_is_written_whole_by_one_door() -> None:
    def called(node: ast.AST) -> str:
        return ast.unparse(node.func) if isinstance(node, ast.Call) else ""

    making = {"open", "os.open", "os.fdopen", "owned.open_file", "tempfile.mkstemp"}
    making |= {"tempfile.NamedTemporaryFile"}
    wrong = {
        name.removeprefix("store.")
        for name, path in modules("store")
        if re.search(r"\bos\.(?:rename|replace|link)\b", path.read_text())
        for node in statements(parsed(path))
        if isinstance(node, ast.FunctionDef)
        and (calls := set(map(called, ast.walk(node)))) & making
        and calls & {"os.rename", "os.replace", "os.link"}
    }
    assert wrong - RENAMERS.keys() == set()


def inner_imports() -> dict[str, set[str]]:
    """For each module of ``store`` the modules of ``store`` that it imports."""
    known = dict(modules("store"))
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = set()
        for node in import_statements(path):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    targets.add(whole if whole in known else node.module)
        found[name] = {target for target in targets & known.keys() if target != name}
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    edges = inner_imports()
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> list[tuple[str, ...]]:
        if name in way:
            return [(*way[way.index(name) :], name)]
        if name in done:
            return []
        circles = [circle for each in edges[name] for circle in visit(each, (*way, name))]
        done.add(name)
        return circles

    assert [circle for name in edges for circle in visit(name, ())] == []


def _parts(members: set[str], edges: dict[str, set[str]]) -> list[set[str]]:
    ties = {
        one: {two for two in members if two in edges[one] or one in edges[two]} for one in members
    }
    parts: list[set[str]] = []
    left = set(members)
    while left:
        part: set[str] = set()
        waiting = {min(left)}
        while waiting:
            part |= waiting
            waiting = {two for one in waiting for two in ties[one]} - part
        parts.append(part)
        left -= part
    return parts


def test_a_folder_is_one_concern() -> None:
    edges = inner_imports()
    folders: dict[str, set[str]] = {}
    for name, path in modules("store"):
        if path.name != "__init__.py":
            folders.setdefault(name.rpartition(".")[0], set()).add(name)
    apart = {
        folder: parts
        for folder, members in folders.items()
        if folder not in BOXES and len(parts := _parts(members, edges)) > 1
    }
    assert apart == {}


def test_a_folder_says_what_it_is_for() -> None:
    silent = [
        name
        for name, path in modules("store")
        if path.name == "__init__.py" and not ast.get_docstring(parsed(path))
    ]
    assert silent == []


def test_top_level_modules_are_vocabulary() -> None:
    top = {path.stem for path in (TOP / "store").glob("*.py")}
    assert top - {"__init__", "__main__"} <= LAYERS[0][0]


def public_methods(node: ast.ClassDef) -> list[str]:
    """The methods and properties that a class defines for others."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [
        part.name for part in node.body if isinstance(part, kinds) and not part.name.startswith("_")
    ]


def classes() -> list[tuple[str, ast.ClassDef]]:
    """Every class of ``store`` that others may name, with its module."""
    return [
        (name, node)
        for name, path in modules("store")
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_classes_have_few_public_methods() -> None:
    own = {node.name: set(public_methods(node)) for _, node in classes()}
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for _, node in classes()
    }

    def methods(name: str) -> set[str]:
        above = (methods(base) for base in bases.get(name, ()))
        return own.get(name, set()).union(*above)

    large = {name: count for name in own if (count := len(methods(name))) > MOST_METHODS}
    assert large == {}


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = {}
    for module, node in classes():
        places.setdefault(node.name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


ENGINES = {
    *(
        "attest",
        "audit",
        "cache",
        "enter",
        "gc",
        "index",
        "ledger",
        "optimise",
        "profile",
        "realise",
        "rebuild",
    ),
    *("sbom", "seeds", "stages", "verify", "why", "challenge", "worker"),
}
"""Names that a command shares with the module or room that does its work."""


def test_module_names_are_unique() -> None:
    places: dict[str, list[str]] = {}
    for name, _ in modules("store"):
        places.setdefault(name.rpartition(".")[2], []).append(name)
    double = {name: found for name, found in places.items() if len(found) > 1}
    commands = {
        name
        for name, found in double.items()
        if len(found) == 2 and any(each.startswith("store.cli.commands.") for each in found)
    }
    assert double.keys() - commands == {"store"}  # the package, and the class that it is about
    assert commands <= ENGINES
