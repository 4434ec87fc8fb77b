"""The shell script that a recipe becomes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from derivations.kit.recipe import Phase, Recipe

BUILD = "/build"


def script(recipe: Recipe, variables: Mapping[str, str]) -> str:
    """The text for ``sh -eu -c``. ``variables`` become shell variables, not environment ones: a
    configure script may heed any variable in its environment.
    """
    lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    lines += _prepare(recipe)
    for phase in (*recipe.phases, *_verify(recipe)):
        lines += [f"echo '@phase {phase.name}'", f"cd {BUILD}/obj", *phase.lines]
    return "\n".join(lines) + "\n"


def _prepare(recipe: Recipe) -> Iterable[str]:
    yield f"mkdir {BUILD}/obj"
    if recipe.sources and recipe.in_tree:
        # With the times: all equal, so that make finds nothing that would have to be regenerated.
        yield f'cp -a "$source" {BUILD}/src'
        yield f"chmod -R u+w {BUILD}/src"
    elif recipe.sources:
        # By this name, so that a file's name in a message does not make a reference to the source.
        yield f'ln -s "$source" {BUILD}/src'
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
