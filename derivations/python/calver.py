"""Versions by the date."""

from derivations.kit import Recipe, imports, pypi, python

CALVER = Recipe(
    source=pypi(
        "calver-2025.10.20.tar.gz",
        "c98b376c2424642224d456b2f70c51402343e008c63d204634665e1a2a2835f5",
    ),
    description="Gives a Python package its date as version",
    licence="Apache-2.0",
    homepage="https://github.com/di/calver",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("calver"),
    seconds=5,
)
