"""Parsers, written in Python."""

from derivations.kit import Recipe, imports, pypi, python

PYPARSING = Recipe(
    source=pypi(
        "pyparsing-3.3.3.tar.gz",
        "928ae7e20211f3b6f3915a72f06a0cfd29ab9d24279dd6346b6b1a7146397d36",
    ),
    description="Makes parsers out of expressions in Python",
    licence="MIT",
    homepage="https://github.com/pyparsing/pyparsing/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("pyparsing"),
    seconds=5,
)
