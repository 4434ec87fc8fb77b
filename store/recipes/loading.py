"""Importing recipes: from their source, and nothing but recipes, the model and pure modules.

Files that Python compiled are neither read nor written: a stale or planted one would be run in the
place of the recipe. ``store.recipes.compiled_modules`` has code by its source. The search for a
module in a folder does not depend on other files beside that folder.
"""

from __future__ import annotations

import builtins
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final, Protocol

from store.display import quoted
from store.errors import EvaluationError
from store.recipes.compiled_modules import CompiledModules

PURE: Final = frozenset(
    [
        "__future__",
        "_typeshed",
        "abc",
        "array",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "builtins",
        "cmath",
        "codecs",
        "collections",
        "colorsys",
        "configparser",
        "contextlib",
        "copy",
        "copyreg",
        "csv",
        "dataclasses",
        "decimal",
        "difflib",
        "encodings",
        "enum",
        "fnmatch",
        "fractions",
        "functools",
        "glob",
        "graphlib",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "linecache",
        "math",
        "numbers",
        "operator",
        "os",
        "pathlib",
        "posixpath",
        "pprint",
        "re",
        "reprlib",
        "shlex",
        "stat",
        "string",
        "struct",
        "sys",
        "textwrap",
        "tokenize",
        "token",
        "tomllib",
        "traceback",
        "types",
        "typing",
        "typing_extensions",
        "unicodedata",
        "urllib",
        "warnings",
        "weakref",
        "zlib",
    ]
)
"""The standard library's modules that recipes may import: they tell nothing of the machine, or
what they tell of it is watched or refused."""

IMPURE: Final = frozenset({"urllib.request", "urllib.error", "urllib.robotparser"})
ENGINE: Final = frozenset({"canon", "digest", "errors", "model"})
"""The engine's modules that recipes may import, as ``store.…``."""

KIT: Final = "derivations"
"""The name of the engine's recipes when other recipes import them."""


class Watched(Protocol):
    """The paths that an evaluation may read, and those that it read."""

    def source(self, path: str) -> bytes | None:
        """Return the content of a file of recipes, None if there is none; EvaluationError if it
        must not be read."""

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder."""


def package_name(recipes: str) -> str:
    """Return the name of the folder's modules: as the folder, where that is no other module's
    name."""
    name = re.sub(r"\W", "_", os.path.basename(recipes))
    if name in sys.stdlib_module_names or name in ("store", "blake3", "msgpack"):
        name += "_"
    return name


class Recipes:
    """A finder and loader of packages by their folders, for ``sys.meta_path``."""

    def __init__(
        self, folders: Mapping[str, str], watched: Watched, compiled: CompiledModules
    ) -> None:
        self._folders = folders
        self._watched = watched
        self._compiled = compiled
        self._sources: dict[str, bytes] = {}

    def knows(self, name: str) -> bool:
        """Return whether a module of this name comes from one of the folders."""
        return name.partition(".")[0] in self._folders

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the module's spec; None when there is none, or it is not of the folders."""
        top, *below = name.split(".")
        if top not in self._folders:
            return None
        place = os.path.join(self._folders[top], *below)
        package = f"{place}/__init__.py"
        if self._found(package):
            return self._spec(name, package, [place])
        if below and self._found(f"{place}.py"):
            return self._spec(name, f"{place}.py", None)
        return self._spec(name, None, [place]) if self._watched.is_folder(place) else None

    def _found(self, path: str) -> bool:
        """Return whether there is such a file; its content is kept until the module runs."""
        content = self._watched.source(path)
        if content is not None:
            self._sources[path] = content
        return content is not None

    def _spec(self, name: str, path: str | None, places: list[str] | None) -> ModuleSpec:
        spec = ModuleSpec(name, self, origin=path, is_package=places is not None)  # type: ignore[arg-type]
        spec.has_location = path is not None
        if places is not None:
            spec.submodule_search_locations = places
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Act as usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's source; a folder without ``__init__.py`` has none."""
        path = module.__spec__.origin if module.__spec__ else None
        if path is None:
            return
        try:
            content = self._sources.pop(path, None) or self._watched.source(path) or b""
            code = self._compiled.code(path, content)
        except (SyntaxError, ValueError) as error:
            if isinstance(error, SyntaxError) and error.filename:
                raise
            raise EvaluationError(str(error), file=path) from error  # NUL bytes
        except (MemoryError, RecursionError) as error:  # the compiler says both of deep nesting
            raise EvaluationError("is nested too deeply to be compiled", file=path) from error
        exec(code, module.__dict__)  # noqa: S102 - that is the purpose

    def import_rule(self) -> Any:
        """Return the function in place of ``__import__``: recipes import only permitted modules,
        others anything."""
        original = builtins.__import__

        def restricted(
            name: str,
            globals: Mapping[str, Any] | None = None,
            locals: Mapping[str, Any] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            if level == 0 and not self._is_library(globals):
                self._check(name, fromlist or ())
            return original(name, globals, locals, fromlist or (), level)

        return restricted

    def _is_library(self, importer: Mapping[str, Any] | None) -> bool:
        if not isinstance(importer, dict):
            return False
        name = importer.get("__name__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        return module is not None and module.__dict__ is importer and not self.knows(str(name))

    def _check(self, name: str, wanted: Sequence[str]) -> None:
        top, _, below = name.partition(".")
        if top == "store":
            rooms = [below.partition(".")[0]] if below else list(wanted)
            if ENGINE.issuperset(rooms):
                return
        elif self.knows(name):
            return
        elif top in PURE and name not in IMPURE:
            inner = {f"{name}.{item}" for item in wanted}
            if not inner & IMPURE:
                return
        raise EvaluationError(
            f"imports {quoted(name)}, which recipes cannot",
            hint="recipes may import their own modules, the kit, store.model, and modules of "
            "Python's that look at nothing outside of the recipes' folder",
        )
