"""The world's recipes, found by name: the package ``NAME`` is in ``<group>/NAME.py``.

A module is imported when its recipe is first asked for. It holds the recipe under its own name in
capitals (``-`` and ``.`` are ``_`` in a module's name; ``P`` stands before a digit).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from derivations.kit.recipe import Recipe
from derivations.kit.sources import check_patch
from derivations.kit.texts import read_text
from store.errors import EvaluationError

GROUP = "group"
MODULE = "recipe's module"
NO_GROUPS = frozenset({"chain", "kit", "patches", "systems"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
"""Names of modules and groups: a role has no other characters, and Python could not import it."""

_CHANGE = re.compile(r"^(--- |\*\*\* |@@ |diff |Index: )", re.MULTILINE)
"""How the lines begin that `patch` heeds: no reason is among them."""


def constant(module: str) -> str:
    """Return the name of the recipe in the module that is called so."""
    return module.upper() if module[:1].isalpha() else f"P{module.upper()}"


def check_name(name: str, what: str, file: Path) -> None:
    """EvaluationError, at ``file``, for a name that no module or group of recipes can have."""
    if not _NAME.fullmatch(name) or (name in NO_GROUPS and what == GROUP):
        raise EvaluationError(
            f"{name!r} cannot be the name of a {what}",
            file=str(file),
            hint="it is made of a-z, 0-9 and _, which is - in the package's name",
        )


class Groups(Mapping[str, Recipe]):
    """The recipes in the folders of ``package``, a Python package that lies at ``folder``, by role:
    the module's name with ``-`` for ``_``."""

    def __init__(self, package: str, folder: Path) -> None:
        self._package = package
        self._folder = folder
        self._group: dict[str, str] = {}
        for group in sorted(folder.iterdir()):
            name = group.name
            if name in NO_GROUPS or name.startswith(("_", ".")) or not group.is_dir():
                continue
            for file in sorted(group.glob("*.py")):
                if not file.name.startswith(("_", ".")):  # hidden: an editor's lock or copy
                    self._note(file, name)
        self._recipes: dict[str, Recipe] = {}

    def _note(self, file: Path, group: str) -> None:
        role = file.stem.replace("_", "-")
        check_name(group, GROUP, file)
        check_name(file.stem, MODULE, file)
        if role in self._group:
            raise EvaluationError(
                f"two recipes are called {role!r}: in {self._group[role]} and in {group}",
                file=str(file),
            )
        self._group[role] = group

    def group(self, role: str) -> str:
        """Return the name of the folder that has the role's recipe; KeyError."""
        return self._group[role]

    def file(self, role: str) -> Path:
        """Return the file of the role's module; KeyError."""
        return self._folder / self._group[role] / f"{role.replace('-', '_')}.py"

    def line(self, role: str, words: Iterable[str]) -> int | None:
        """Return the line of the role's module (1-based) with the first of ``words`` that is one of
        its texts, but for its name, or else with its recipe; None if there is neither, or no module
        to be read."""
        try:
            lines = read_text(self.file(role)).splitlines()
        except (EvaluationError, OSError):
            return None
        for word in words:
            for number, line in enumerate(lines, 1):
                named = line.lstrip().startswith("name=")
                if not named and (f'"{word}"' in line or f"'{word}'" in line):
                    return number
        start = f"{constant(role.replace('-', '_'))} = "
        return next((n for n, line in enumerate(lines, 1) if line.startswith(start)), None)

    def patch(self, name: str) -> str:
        """Return the text of a patch of ours; EvaluationError if there is none, it changes nothing,
        or it says nothing of its reason before the first change."""
        check_patch(name)
        path = self._folder / "patches" / name
        if not path.is_file():
            # Without a file, so that the error gets that of the recipe.
            raise EvaluationError(
                f"there is no patch {name!r}", hint="patches are files in patches/ of the recipes"
            )
        text = read_text(path)
        change = _CHANGE.search(text)
        if change is None:
            raise EvaluationError(f"the patch {name!r} changes nothing", file=str(path))
        if not text[: change.start()].strip():
            raise EvaluationError(f"the patch {name!r} does not say its reason", file=str(path))
        return text

    def __getitem__(self, role: str) -> Recipe:
        if role not in self._recipes:
            name = f"{self._package}.{self._group[role]}.{role.replace('-', '_')}"
            recipe = constant(role.replace("-", "_"))
            try:
                module = __import__(name, fromlist=[recipe])
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
                raise EvaluationError(
                    "there is no such file: a folder, or a link to nothing, holds no recipe",
                    file=str(self.file(role)),
                ) from error
            found = getattr(module, recipe, None)
            if not isinstance(found, Recipe):
                raise EvaluationError(f"there is no recipe {recipe}", file=str(self.file(role)))
            self._recipes[role] = found
        return self._recipes[role]

    def __contains__(self, role: object) -> bool:
        return role in self._group

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)
