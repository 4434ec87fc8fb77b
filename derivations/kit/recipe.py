"""The recipe of a package: a frozen value, checked where it is made."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from derivations.kit.archive import Archive
from derivations.kit.lines import check_line
from store.errors import EvaluationError
from store.model.names import check_name

BUILD_TOOLS = (
    "awk",
    "cc",
    "coreutils",
    "diffutils",
    "findutils",
    "grep",
    "make",
    "sed",
    "sh",
)
"""The roles that a package with a GNU-style configure script needs filled."""

_ROLE = re.compile(r"[a-z][a-z0-9+-]*")
_PHASE = re.compile(r"[a-z][a-z-]*")
LONGEST = 7 * 24 * 3600
"""Seconds that a recipe may say that its build takes."""

_TEXTS = ("name", "version", "description", "licence", "homepage")


@dataclass(frozen=True)
class Phase:
    """A named step of a build: shell command lines, run in ``/build/obj`` one after the other."""

    name: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _PHASE.fullmatch(self.name):
            raise EvaluationError(f"{self.name!r} cannot name a phase")
        for line in self.lines:
            check_line(line, self.name)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a package is built, whatever the stage.

    The steps of ``phases`` find these shell variables set, each to a path: ``$out`` (the output to
    make), ``$source`` (the first source's tree, read-only, also at ``/build/src``),
    ``$<name>_source`` for every source, and ``$<role>`` for every role in ``inputs`` (``-`` becomes
    ``_``).
    """

    name: str
    version: str
    description: str
    licence: str
    homepage: str
    phases: tuple[Phase, ...]
    sources: tuple[Archive, ...] = ()
    tools: tuple[str, ...] = BUILD_TOOLS
    """Roles whose programs run during the build, found on ``$PATH``."""
    inputs: tuple[str, ...] = ()
    """Roles that the output is built against or refers to: packages of the same stage."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables, over the stage's."""
    files: tuple[tuple[str, str], ...] = ()
    """Small text files, by name, to be put into ``/build``."""
    programs: tuple[str, ...] = ()
    """Programs that ``$out/bin`` must hold at the end, each static."""
    in_tree: bool = False
    """``/build/src`` is a writable copy: for packages that cannot be built outside their tree."""
    seconds: int = 0
    """The time that a build usually takes on two processors; 0 when it is unknown. It is shown, and
    is no part of the build."""

    def __post_init__(self) -> None:
        for field in _TEXTS:
            if not getattr(self, field):
                raise EvaluationError(f"the recipe {self.name!r} has an empty {field}")
        check_name(self.label)
        if type(self.seconds) is not int or not 0 <= self.seconds <= LONGEST:
            raise EvaluationError(f"the recipe {self.name!r} has no whole number of seconds")
        if not self.phases:
            raise EvaluationError(f"the recipe {self.name!r} has no phases")
        for role in (*self.tools, *self.inputs):
            if not _ROLE.fullmatch(role):
                raise EvaluationError(f"the recipe {self.name!r} needs {role!r}, no role's name")
        for field in ("tools", "inputs", "programs", "env", "files", "sources"):
            _check_once(self.name, field, getattr(self, field))

    @property
    def label(self) -> str:
        """``<name>-<version>``: the name of its derivations and objects."""
        return f"{self.name}-{self.version}"


def _check_once(recipe: str, field: str, values: tuple[Any, ...]) -> None:
    keys = [
        value.name
        if isinstance(value, Archive)
        else value[0]
        if isinstance(value, tuple)
        else value
        for value in values
    ]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise EvaluationError(f"the recipe {recipe!r} names twice in {field}: {', '.join(twice)}")


def variant(recipe: Recipe, **fields: Any) -> Recipe:
    """``recipe`` with the named fields replaced; EvaluationError for a field that there is not."""
    known = {field.name for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise EvaluationError(f"a variant of {recipe.name!r} sets {', '.join(unknown)}: no such")
    return dataclasses.replace(recipe, **fields)
