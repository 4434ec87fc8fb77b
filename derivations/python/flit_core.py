"""Builds wheels of plain modules."""

from derivations.kit import Recipe, imports, pypi, python

FLIT_CORE = Recipe(
    source=pypi(
        "flit_core-4.2.0.tar.gz",
        "84e4e4d8fdd45ba2613800a3ebc6834de26d47ec9746efc3719f94181137b460",
    ),
    description="Builds wheels of modules that are Python throughout",
    licence="BSD-3-Clause",
    homepage="https://flit.pypa.io/",
    build=python("flit_core.buildapi"),
    tools=("python",),
    check=imports("flit_core"),
    seconds=5,
)
