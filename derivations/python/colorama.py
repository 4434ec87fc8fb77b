"""Colours in a terminal."""

from derivations.kit import Recipe, imports, pypi, python

COLORAMA = Recipe(
    source=pypi(
        "colorama-0.4.6.tar.gz",
        "08695f5cb7ed6e0531a20572697297273c47b8cae5a63ffc6d6ed5c201be6e44",
    ),
    description="Colours text in terminals",
    licence="BSD-3-Clause",
    homepage="https://github.com/tartley/colorama",
    build=python(
        "hatchling.build",
        tools=("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"),
    ),
    tools=("python",),
    check=imports("colorama"),
    seconds=5,
)
