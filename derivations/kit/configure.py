"""Packages with a configure script of their own kind."""

from __future__ import annotations

from collections.abc import Mapping

from derivations.kit.build import Build, Phase, check_variable
from derivations.kit.checked import checked
from store.errors import EvaluationError


@checked
def configure(
    *options: str,
    script: str = "./configure",
    env: Mapping[str, str] | None = None,
    prepare: tuple[str, ...] = (),
    build: str = "",
    install: str = "install",
    finish: tuple[str, ...] = (),
) -> Build:
    """configure, build and install in a copy of the source's tree.

    The script gets ``--prefix`` and the options; ``env`` is its environment, and ``build`` and
    ``install`` are words for make.
    """
    for name, value in (env or {}).items():
        check_variable(name)
        if "'" in value:
            raise EvaluationError(
                f"the variable {name} of configure has a quotation mark: {value!r}"
            )
    variables = "".join(f"{name}='{value}' " for name, value in (env or {}).items())
    command = " ".join((f'{variables}{script} --prefix="$out"', *options))
    return Build(
        (
            Phase("configure", ("cd /build/src", *prepare, command)),
            Phase("build", (f"make -C /build/src {build}".rstrip(),)),
            Phase("install", (f"make -C /build/src {install}", *finish)),
        ),
        in_tree=True,
    )
