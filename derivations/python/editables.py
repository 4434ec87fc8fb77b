"""Packages that are edited."""

from derivations.kit import Recipe, imports, pypi, python

EDITABLES = Recipe(
    source=pypi(
        "editables-0.6.tar.gz",
        "1163834902381c4613787951c5914800fdf155ae08848a373b8ea5006780977c",
    ),
    description="Lets a Python package be used where it is edited",
    licence="MIT",
    homepage="https://github.com/pfmoore/editables",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("editables"),
    seconds=5,
)
