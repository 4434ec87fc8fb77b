"""The recipe of a package: a frozen value, checked where it is made."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from derivations.kit.build import Build, Phase, check_variable
from derivations.kit.checked import checked, written
from derivations.kit.sources import Archive, DebianPatches
from store.errors import EvaluationError
from store.model.names import check_name, check_output

_ROLE = re.compile(r"[a-z0-9][a-z0-9+-]*")
LONGEST = 7 * 24 * 3600
"""Seconds that a recipe may say that its build takes."""

_TEXTS = ("name", "version", "description", "licence", "homepage")
_LISTS = ("programs", "licences", "needs")
_PROGRAM = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.+-]*")
_IN_SOURCE = re.compile(r"/build/src\b|\$\{?source\b")
_TAKEN = ("build.sh", "needs", "obj", "patches", "src", "texts")
"""Names in ``/build`` that the build itself gives to something."""
_HOMEPAGE = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?")
_LICENCE = re.compile(r"(?:LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_BETWEEN = ("AND", "OR", "WITH")
_UNFINISHED = "TODO"
"""How a text begins that `scripts/pins add` left to a person."""


@checked
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a package is built, whatever the stage.

    The steps of ``build`` find these shell variables set, each to a path: ``$out`` (the output to
    make, and one variable for every other output), ``$source`` (the source's tree, read-only, also
    at ``/build/src``), ``$<name>_source`` for every source, and ``$<role>`` for every role in
    ``runs`` (``-`` becomes ``_``).
    """

    description: str
    licence: str
    homepage: str
    build: Build
    source: Archive | None = None
    name: str = ""
    """The source's, unless it is given; so is the version."""
    version: str = ""
    needs: tuple[str, ...] = ()
    """Libraries that are linked in. With those that they need, they are seen as one tree,
    ``/build/needs``; the compiler and pkg-config look there."""
    runs: tuple[str, ...] = ()
    """Roles whose paths the output may hold: its programs run them, or read them."""
    tools: tuple[str, ...] = ()
    """Roles whose programs run during the build, found on ``$PATH``, beside those of ``build``."""
    extra_sources: tuple[Archive, ...] = ()
    patches: tuple[str | DebianPatches, ...] = ()
    """Names of files in ``patches/`` among the recipes, or patches of Debian's; in order."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables, over the stage's."""
    files: tuple[tuple[str, str], ...] = ()
    """Text files, by name, to be found in ``/build``."""
    programs: tuple[str, ...] = ()
    """Programs that ``$out/bin`` must hold at the end, each static. Words after a program's name
    are the arguments that make it say its version, where these are not ``--version``."""
    check: tuple[str, ...] = ()
    """Command lines that fail if the package does not work; ``$out`` is the package."""
    upstream: tuple[str, ...] = ()
    """Command lines that run upstream's own tests in the tree that was built."""
    upstream_tools: tuple[str, ...] = ()
    """Roles whose programs these alone run; the package's own build has none of them."""
    licences: tuple[str, ...] = ()
    """Files of the source that hold its licence, where their names do not say so."""
    waive: tuple[tuple[str, str], ...] = ()
    """Checks that do not hold for this package, each with the reason."""
    outputs: tuple[str, ...] = ("out",)
    in_tree: bool = False
    """``/build/src`` is a writable copy: for packages that cannot be built outside their tree."""
    generated: str = ""
    """Files of the source that a program wrote, and this build takes as they are."""
    seconds: int = 0
    """The time that a build usually takes on two processors; 0 when it is unknown. It is shown, and
    is no part of the build."""

    def __post_init__(self) -> None:
        if self.source is not None:
            object.__setattr__(self, "name", self.name or self.source.name)
            object.__setattr__(self, "version", self.version or self.source.version)
        self._check_finished()
        check_name(self.label)
        self._check_words()
        if type(self.seconds) is not int or not 0 <= self.seconds <= LONGEST:
            raise EvaluationError(f"the recipe {self.name!r} has no whole number of seconds")
        self._check_paths()
        self._check_source()
        for role in (*self.every_tool, *self.needs, *self.runs, *self.upstream_tools):
            if not _ROLE.fullmatch(role):
                raise EvaluationError(f"the recipe {self.name!r} needs {role!r}, no role's name")
        if self.upstream_tools and not self.upstream:
            raise EvaluationError(f"the recipe {self.name!r} has tools for no tests of upstream's")
        if self.outputs[:1] != ("out",):
            raise EvaluationError(f"the recipe {self.name!r} has not out as its first output")
        for output in self.outputs:
            check_output(output)
        for each, reason in self.waive:
            if not reason.strip():
                raise EvaluationError(f"the recipe {self.name!r} waives {each!r} for no reason")
        self._check_once()

    def _check_finished(self) -> None:
        """EvaluationError that names each field that is empty, or that nobody has read yet."""
        values: list[tuple[str, tuple[str, ...]]] = []
        for field in _TEXTS:
            text = getattr(self, field)
            if not text:
                raise EvaluationError(f"the recipe {self.name!r} has an empty {field}")
            if not text.isprintable():
                raise EvaluationError(
                    f"the recipe {self.name!r} has a {field} that is not one line of text: {text!r}"
                )
            values.append((field, (text,)))
        values += [(field, getattr(self, field)) for field in _LISTS]
        values += [("waive", tuple(reason for _, reason in self.waive))]
        values += [(f"phase {each.name}", each.lines) for each in self.build.phases]
        left = [field for field, texts in values if any(t.startswith(_UNFINISHED) for t in texts)]
        if left:
            raise EvaluationError(
                f"the recipe {self.name!r} is unfinished: {', '.join(left)}",
                hint=f"read the source, and replace or remove each {_UNFINISHED}",
            )

    def _check_words(self) -> None:
        """EvaluationError for a homepage that is no address, or a licence that is no expression of
        SPDX's: ids between AND, OR and WITH, perhaps in parentheses."""
        if not _HOMEPAGE.fullmatch(self.homepage):
            raise EvaluationError(
                f"the recipe {self.name!r} has the homepage {written(self.homepage)}, no address",
                hint="such as https://example.org/; its source's, where it has no page",
            )
        if not is_expression(self.licence):
            licence = written(self.licence)
            raise EvaluationError(
                f"the recipe {self.name!r} has the licence {licence}, no SPDX expression",
                hint="ids with AND, OR, WITH: MIT OR GPL-2.0-or-later; without an id: LicenseRef-…",
            )

    def _check_paths(self) -> None:
        """EvaluationError for names of files that lead elsewhere, or that another file has."""
        for words in self.programs:
            if not words.split():
                raise EvaluationError(f"the recipe {self.name!r} has an empty name in programs")
            if not _PROGRAM.fullmatch(words.split()[0]):
                raise EvaluationError(
                    f"the recipe {self.name!r} has in programs {words!r}",
                    hint="the name of a program in bin, and perhaps words after it",
                )
        for path in self.licences:
            if not path or path.startswith("/") or ".." in path.split("/"):
                raise EvaluationError(
                    f"the recipe {self.name!r} has in licences {path!r}",
                    hint="the path of a file in the source, such as doc/COPYING",
                )
        for name, _ in self.env:
            check_variable(name)
            if name == "PATH":
                raise EvaluationError(
                    f"the recipe {self.name!r} has in env 'PATH', which its tools make",
                    hint="name roles in `tools`; a phase may set PATH for its own lines",
                )
        for path, _ in self.files:
            if path.partition("/")[0] in _TAKEN:
                raise EvaluationError(
                    f"the recipe {self.name!r} has in files {path!r}, where the build has its own",
                    hint=f"taken in /build: {', '.join(_TAKEN)}",
                )

    def _check_source(self) -> None:
        """EvaluationError for a build in the tree of a source that the recipe does not have."""
        lines = [line for each in self.build.phases for line in each.lines]
        if not self.sources and (self.build.in_tree or any(map(_IN_SOURCE.search, lines))):
            raise EvaluationError(
                f"the recipe {self.name!r} has no source, and is built in a source's tree",
                hint="name a `source`; phases() builds of `files` alone, which are in /build",
            )

    def _check_once(self) -> None:
        values: dict[str, list[object]] = {
            "needs": [*self.needs],
            "runs": [*self.runs],
            "tools": [*self.tools, *self.upstream_tools],
            "outputs": [*self.outputs],
            "programs": [words.split()[0] for words in self.programs],
            "env": [name for name, _ in self.env],
            "files": [name for name, _ in self.files],
            "patches": [each for each in self.patches if isinstance(each, str)],
            "waive": [each for each, _ in self.waive],
            # They are installed side by side, and one would take another's place.
            "licences": [path.rstrip("/").rpartition("/")[2] for path in self.licences],
            "sources": [archive.name for archive in self.sources],
        }
        for field, keys in values.items():
            twice = sorted({str(key) for key in keys if keys.count(key) > 1})
            if twice:
                raise EvaluationError(
                    f"the recipe {self.name!r} names twice in {field}: {', '.join(twice)}"
                )

    @property
    def label(self) -> str:
        """``<name>-<version>``: the name of its derivations and objects."""
        return f"{self.name}-{self.version}"

    @property
    def sources(self) -> tuple[Archive, ...]:
        """All of its sources, the main one first."""
        patches = (each.archive for each in self.patches if isinstance(each, DebianPatches))
        main = () if self.source is None else (self.source,)
        return (*main, *self.extra_sources, *patches)

    @property
    def every_tool(self) -> tuple[str, ...]:
        """The roles of the programs on ``$PATH``."""
        return tuple(dict.fromkeys((*self.build.tools, *self.tools)))

    @property
    def copies_source(self) -> bool:
        """True if ``/build/src`` is a copy that the build may write to."""
        return self.in_tree or self.build.in_tree or bool(self.patches)

    def phase(self, name: str) -> Phase:
        """Return the phase of its build that is called so; KeyError."""
        return {phase.name: phase for phase in self.build.phases}[name]


def is_expression(licence: str) -> bool:
    """Return whether a text has the form of an SPDX expression; ids are not looked up."""
    words = licence.replace("(", " ( ").replace(")", " ) ").split()
    depth, wants_id = 0, True
    for word in words:
        if word == "(" and wants_id:
            depth += 1
        elif word == ")" and not wants_id and depth:
            depth -= 1
        elif word in _BETWEEN and not wants_id:
            wants_id = True
        elif word not in _BETWEEN and wants_id and _LICENCE.fullmatch(word):
            wants_id = False
        else:
            return False
    return not wants_id and not depth


def variant(recipe: Recipe, **fields: Any) -> Recipe:
    """``recipe`` with the named fields replaced; EvaluationError for a field that there is not.

    A name and version that are the source's follow another source.
    """
    known = {field.name for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise EvaluationError(f"a variant of {recipe.name!r} sets {', '.join(unknown)}: no such")
    if "source" in fields and recipe.source is not None:
        for field in ("name", "version"):
            if getattr(recipe, field) == getattr(recipe.source, field):
                fields.setdefault(field, "")
    return dataclasses.replace(recipe, **fields)
