"""Builds wheels by plug-ins."""

from derivations.kit import Recipe, imports, pypi, python

HATCHLING = Recipe(
    source=pypi(
        "hatchling-1.33.0.tar.gz",
        "4c422bd4d554fcff5de5b73e9596f85e41e9f97f7e553d8f7595ecb31a627bef",
    ),
    description="Builds wheels of Python modules, by plug-ins",
    licence="MIT",
    homepage="https://hatch.pypa.io/",
    needs=("packaging", "pathspec", "pluggy", "trove-classifiers"),
    runs=("packaging", "pathspec", "pluggy", "python", "trove-classifiers"),
    build=python("hatchling.ouroboros", prepare=("PYTHONPATH=/build/src/src:$PYTHONPATH",)),
    tools=("python",),
    programs=("hatchling",),
    waive=(
        ("version", "it says that of the project that it stands in"),
        ("paths", "it speaks of folders that are called so"),
    ),
    check=imports("hatchling"),
    seconds=5,
)
