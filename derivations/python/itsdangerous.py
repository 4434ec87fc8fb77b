"""Signed data."""

from derivations.kit import Recipe, imports, pypi, python

ITSDANGEROUS = Recipe(
    source=pypi(
        "itsdangerous-2.2.0.tar.gz",
        "e0050c0b7da1eea53ffaf149c0cfbb5c6e2e2b69c4bef22c81fa6eb73e5f6173",
    ),
    description="Signs data that goes out and comes back",
    licence="BSD-3-Clause",
    homepage="https://itsdangerous.palletsprojects.com/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("itsdangerous"),
    seconds=5,
)
