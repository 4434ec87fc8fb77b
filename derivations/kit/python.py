"""Modules of Python that are Python throughout, built by the backend that they name."""

from __future__ import annotations

import re

from derivations.kit.build import BUILD_TOOLS, Build, Phase
from derivations.kit.checked import checked
from derivations.kit.entry_points import PROGRAMS
from store.errors import EvaluationError

LIBRARY = "$out/lib/python3.13/site-packages"
"""The folder of modules in an output."""

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
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


def bytecode(folder: str, *, python: str = "python3") -> tuple[str, ...]:
    """Lines that compile the modules in ``folder``, which is a word of the shell, with the program
    ``python``. A source's time says nothing in a store, so each file of bytecode begins with a hash
    of its source instead, which no import reads. Where a source names its own object, that hash
    would follow the folder in which it was built, out of the reach of any replacement: it is zero.
    """
    return (
        f'"{python}" -m compileall -q --invalidation-mode unchecked-hash "{folder}"',
        f'grep -rlF --include=\'*.py\' -e "$out" "{folder}" | while read -r each\n'
        "do\n"
        "    name=${each##*/}\n"
        '    for made in "${each%/*}/__pycache__/${name%.py}".cpython-*.pyc\n'
        "    do\n"
        '        dd if=/dev/zero of="$made" bs=1 seek=8 count=8 conv=notrunc status=none\n'
        "    done\n"
        "done",
    )


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
    module, colon, attribute = backend.partition(":")
    _check_modules(module, *([attribute] if colon else ()))
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
                    *bytecode(LIBRARY),
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
    _check_modules(*modules)
    return (f'{_NEEDS} python3 -c "import {", ".join(modules)}"',)


def _check_modules(*names: str) -> None:
    """EvaluationError for a text that Python cannot import: a project's name, which often has -."""
    for name in names:
        if not _MODULE.fullmatch(name):
            raise EvaluationError(
                f"{name[:80]!r} cannot name a module of Python",
                hint="a backend stands in pyproject.toml, as in flit_core.buildapi",
            )
