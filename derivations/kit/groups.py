"""The world's recipes, found by name: the package ``NAME`` is in ``<group>/NAME.py``.

A module is imported when its recipe is first asked for. It holds the recipe under its own name in
capitals (``-`` and ``.`` are ``_`` in a module's name).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from derivations.kit.recipe import Recipe
from store.errors import EvaluationError

_NO_GROUPS = frozenset({"chain", "kit", "patches", "systems"})


class Groups(Mapping[str, Recipe]):
    """The recipes in the folders of ``package``, a Python package that lies at ``folder``, by role:
    the module's name with ``-`` for ``_``."""

    def __init__(self, package: str, folder: Path) -> None:
        self._package = package
        self._folder = folder
        self._group: dict[str, str] = {}
        for group in sorted(folder.iterdir()):
            name = group.name
            if name in _NO_GROUPS or name.startswith(("_", ".")) or not group.is_dir():
                continue
            for file in sorted(group.glob("*.py")):
                if not file.name.startswith("_"):
                    self._note(file.stem.replace("_", "-"), name)
        self._recipes: dict[str, Recipe] = {}

    def _note(self, role: str, group: str) -> None:
        if role in self._group:
            raise EvaluationError(
                f"two recipes are called {role!r}: in {self._group[role]} and in {group}"
            )
        self._group[role] = group

    def group(self, role: str) -> str:
        """Return the name of the folder that has the role's recipe; KeyError."""
        return self._group[role]

    def patch(self, name: str) -> str:
        """Return the text of a patch of ours; EvaluationError if there is none, or it says nothing
        of its reason before the first change."""
        path = self._folder / "patches" / name
        if not path.is_file():
            raise EvaluationError(f"there is no patch {name!r}", file=str(path))
        text = path.read_text()
        if not text.partition("\n--- ")[0].strip() or text.startswith("--- "):
            raise EvaluationError(f"the patch {name!r} does not say its reason", file=str(path))
        return text

    def __getitem__(self, role: str) -> Recipe:
        if role not in self._recipes:
            name = f"{self._package}.{self._group[role]}.{role.replace('-', '_')}"
            recipe = role.replace("-", "_").upper()
            module = __import__(name, fromlist=[recipe])
            found = getattr(module, recipe, None)
            if not isinstance(found, Recipe):
                path = name.removeprefix(self._package + ".").replace(".", "/")
                raise EvaluationError(f"{path}.py has no recipe {recipe}")
            self._recipes[role] = found
        return self._recipes[role]

    def __contains__(self, role: object) -> bool:
        return role in self._group

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)
