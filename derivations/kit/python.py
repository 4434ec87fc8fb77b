"""Modules of Python that are Python throughout, built by the backend that they name."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase
from derivations.kit.checked import checked
from derivations.kit.entry_points import PROGRAMS

LIBRARY = "$out/lib/python3.13/site-packages"
"""The folder of modules in an output."""

_NEEDS = "PYTHONPATH=/build/needs/lib/python3.13/site-packages"
MODULES = (
    _NEEDS,
    'for each in $(echo "$PATH" | tr : " ")\n'
    "do\n"
    "    PYTHONPATH=$PYTHONPATH:${each%bin}lib/python3.13/site-packages\n"
    "done",
    "export PYTHONPATH",
)
"""Where the modules of the tools on ``$PATH`` are, and those that are needed."""


@checked
def python(
    backend: str,
    *,
    tools: tuple[str, ...] = (),
    prepare: tuple[str, ...] = (),
    finish: tuple[str, ...] = (),
) -> Build:
    """A wheel by ``backend`` (``module`` or ``module:object``, as in ``pyproject.toml``), installed
    with a program for each of its entry points. A package that has some ``runs`` python, and all
    that it needs. ``tools`` are roles of modules that the backend is in; ``prepare`` lines are run
    in the source's tree, where ``$PYTHONPATH`` is set.
    """
    module, _, attribute = backend.partition(":")
    entry = f"{module}.{attribute}" if attribute else module
    make = f"import {module}; print({entry}.build_wheel('/build/obj'))"
    return Build(
        (
            Phase("build", (*MODULES, "cd /build/src", *prepare, f'python3 -c "{make}"')),
            Phase(
                "install",
                (
                    f'mkdir -p "{LIBRARY}"',
                    f'python3 -m zipfile -e /build/obj/*.whl "{LIBRARY}"',
                    *PROGRAMS,
                    f'python3 -m compileall -q --invalidation-mode unchecked-hash "{LIBRARY}"',
                    *finish,
                ),
            ),
        ),
        (*BUILD_TOOLS, "python", *tools),
        in_tree=True,
    )


@checked
def imports(*modules: str) -> tuple[str, ...]:
    """Lines for a recipe's ``check``, with the tool ``python``: these modules can be imported, with
    those that they need."""
    return (f'{_NEEDS} python3 -c "import {", ".join(modules)}"',)
