"""The steps of a build, and the tools that they imply: a maker returns such a build."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from derivations.kit.checked import checked
from derivations.kit.lines import check_line
from store.errors import EvaluationError

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

TRIPLET = "x86_64-linux-musl"
"""The system that the distribution's programs run on, and are built on: in every stage the same."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SETTING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*=.*", re.DOTALL)
_PHASE = re.compile(r"[a-z][a-z-]*")


@checked
@dataclass(frozen=True)
class Phase:
    """A named step of a build: shell command lines, run in ``/build/obj`` one after the other."""

    name: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _PHASE.fullmatch(self.name):
            raise EvaluationError(f"{self.name!r} cannot name a phase")
        if not self.lines:
            raise EvaluationError(f"phase {self.name!r} has no command line")
        for line in self.lines:
            check_line(line, self.name)


@checked
@dataclass(frozen=True)
class Build:
    """Phases, and the roles whose programs they run. ``in_tree``: they write to ``/build/src``."""

    phases: tuple[Phase, ...]
    tools: tuple[str, ...] = BUILD_TOOLS
    in_tree: bool = False

    def __post_init__(self) -> None:
        if not self.phases:
            raise EvaluationError("a build without phases")
        names = [each.name for each in self.phases]
        for name in names:
            if names.count(name) > 1:
                raise EvaluationError(f"a build has the phase {name!r} twice")


def check_variable(name: str) -> None:
    """EvaluationError for a text that cannot name a variable of the environment."""
    if not _VARIABLE.fullmatch(name):
        raise EvaluationError(
            f"{name!r} cannot name an environment variable",
            hint="A-Z a-z _, then A-Z a-z 0-9 _",
        )


def check_settings(settings: Iterable[str], maker: str) -> None:
    """EvaluationError for an option of a ``maker`` that is no ``NAME=value``.

    It writes ``-D`` before each: cmake takes ``-D-DNAME=value`` without a word, and heeds it
    nowhere.
    """
    for setting in settings:
        if not _SETTING.fullmatch(setting):
            raise EvaluationError(
                f"{maker}() has the option {setting[:80]!r}, which is no NAME=value",
                hint="write the name first, without -D",
            )


@checked
def phase(name: str, *lines: str) -> Phase:
    """A phase of these command lines."""
    return Phase(name, lines)


@checked
def phases(*steps: Phase, tools: tuple[str, ...] = BUILD_TOOLS, in_tree: bool = False) -> Build:
    """A build of phases written out, for a package that fits no maker."""
    return Build(steps, tools, in_tree)
