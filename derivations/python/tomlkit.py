"""TOML with its comments."""

from derivations.kit import Recipe, imports, pypi, python

TOMLKIT = Recipe(
    source=pypi(
        "tomlkit-0.15.2.tar.gz",
        "83e32755ba1d20d9340bd069ee97e9f6232ba2346b63ffcba425de01f7e327a6",
    ),
    description="Reads and writes TOML, and keeps its comments",
    licence="MIT",
    homepage="https://github.com/python-poetry/tomlkit",
    build=python("poetry.core.masonry.api", tools=("poetry-core",)),
    tools=("python",),
    check=imports("tomlkit"),
    seconds=5,
)
