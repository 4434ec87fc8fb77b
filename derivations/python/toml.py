"""Reads TOML."""

from derivations.kit import Recipe, imports, pypi, python

TOML = Recipe(
    source=pypi(
        "toml-0.10.2.tar.gz",
        "b3bda1d108d5dd99f4a20d24d9c348e91c4db7ab1b749200bded2f839ccbe68f",
    ),
    description="Reads and writes TOML",
    licence="MIT",
    homepage="https://github.com/uiri/toml",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("toml"),
    seconds=5,
)
