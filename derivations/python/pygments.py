"""Colours for source code."""

from derivations.kit import Recipe, imports, pypi, python

PYGMENTS = Recipe(
    source=pypi(
        "pygments-2.21.0.tar.gz",
        "610ca751c9bc2492b38eb9a38a7fbc93edbbb2d7182edaf34e66ae493dee5c8c",
    ),
    description="Colours the source code of many languages",
    licence="BSD-2-Clause",
    homepage="https://pygments.org/",
    runs=("python",),
    build=python(
        "hatchling.build",
        tools=("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"),
    ),
    tools=("python",),
    programs=("pygmentize -V",),
    waive=(("paths", "it speaks of folders that are called so"),),
    check=imports("pygments"),
    seconds=5,
)
