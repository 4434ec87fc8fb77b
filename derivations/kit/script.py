"""The shell script that a recipe of the base set becomes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from derivations.kit.build import Phase
from derivations.kit.recipe import Recipe
from derivations.kit.sources import DebianPatches
from store.errors import EvaluationError

BUILD = "/build"
OF_SCRIPTS = ("copy", "need", "part", "result", "text")
"""Variables that the scripts set for themselves."""


def script(recipe: Recipe, variables: Mapping[str, str]) -> str:
    """The text for ``sh -eu -c``. ``variables`` become shell variables, not environment ones: a
    configure script may heed any variable in its environment.
    """
    lines = [*assignments(variables), *_prepare(recipe)]
    checks = [Phase("check", recipe.check)] if recipe.check else []
    for phase in (*recipe.build.phases, *checks, *_verify(recipe)):
        lines += phase_lines(phase)
    return "\n".join(lines) + "\n"


def assignments(variables: Mapping[str, str]) -> Iterable[str]:
    """Yield the lines that set shell variables."""
    for name, value in sorted(variables.items()):
        yield f"{name}={shlex.quote(value)}"


def shell_name(name: str) -> str:
    """Return the shell variable for a role or source that is called so; ``p`` stands before a
    digit, with which none begins."""
    plain = name.replace("-", "_").replace("+", "x").replace(".", "_")
    return f"p{plain}" if plain[:1].isdigit() else plain


def check_variables(recipe: Recipe) -> None:
    """EvaluationError where one shell variable would name two things: the later would hide the
    other, and the build use it."""
    sources = [f"{shell_name(archive.name)}_source" for archive in recipe.sources]
    main = ["source"] if sources else []
    names = [*sources, *main, *map(shell_name, recipe.runs), *recipe.outputs, *OF_SCRIPTS]
    twice = sorted({f"${name}" for name in names if names.count(name) > 1})
    if twice:
        raise EvaluationError(
            f"the recipe {recipe.name!r} has two things called {', '.join(twice)} in its phases",
            hint="a source gives $NAME_source, a role in runs its own name, an output its own",
        )


def phase_lines(phase: Phase) -> list[str]:
    """Return the lines of a phase, which says its name and begins in its folder."""
    return own_phase_lines(phase.name, phase.lines)


def own_phase_lines(name: str, lines: Iterable[str]) -> list[str]:
    """Act as :func:`phase_lines` of lines that hold no text of a recipe, and need no check."""
    return [f"echo '@phase {name}'", f"cd {BUILD}/obj", *lines]


def source_lines(recipe: Recipe) -> Iterable[str]:
    """Yield the lines that make the folder for the build, and the source's ``/build/src``."""
    yield f"mkdir {BUILD}/obj"
    if recipe.sources and recipe.copies_source:
        # With the times: all equal, so that make finds nothing that would have to be regenerated.
        yield f'cp -a "$source" {BUILD}/src'
        yield f"chmod -R u+w {BUILD}/src"
    elif recipe.sources:
        # By this name, so that a file's name in a message does not make a reference to the source.
        yield f'ln -s "$source" {BUILD}/src'


def _prepare(recipe: Recipe) -> Iterable[str]:
    yield from source_lines(recipe)
    yield from patch_lines(recipe)
    for name, text in recipe.files:
        yield f"cat > {BUILD}/{shlex.quote(name)} <<'END-OF-FILE'\n{text.rstrip()}\nEND-OF-FILE"


def _verify(recipe: Recipe) -> Iterable[Phase]:
    """Each program is there, and asks for no dynamic loader."""
    lines = []
    for program in recipe.programs:
        path = f'"$out/bin/{program}"'
        lines += [
            f"test -x {path}",
            f"readelf -lW {path} > /build/headers",
            "if grep INTERP /build/headers; then exit 1; fi",
        ]
    if lines:
        yield Phase("verify", tuple(lines))


def patch_lines(recipe: Recipe, ours: Sequence[str] = ()) -> Iterable[str]:
    """Yield a line for each patch. A patch that fits only nearby is refused."""
    names = iter(ours)
    for patch in recipe.patches:
        if isinstance(patch, DebianPatches):
            tree = f"${shell_name(patch.archive.name)}_source/patches"
            paths = [f'"{tree}/{each}"' for each in patch.names]
        else:
            paths = [shlex.quote(f"{BUILD}/{next(names)}")]
        for path in paths:
            yield f"patch -d {BUILD}/src -p1 -F0 --no-backup-if-mismatch -i {path}"
