"""Patterns of file names."""

from derivations.kit import Recipe, imports, pypi, python

PATHSPEC = Recipe(
    source=pypi(
        "pathspec-1.1.1.tar.gz",
        "17db5ecd524104a120e173814c90367a96a98d07c45b2e10c2f3919fff91bf5a",
    ),
    description="Matches names of files with patterns, as gitignore has them",
    licence="MPL-2.0",
    homepage="https://github.com/cpburnz/python-pathspec",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    waive=(("paths", "it speaks of folders that are called so"),),
    check=imports("pathspec"),
    seconds=5,
)
