"""Signals between objects."""

from derivations.kit import Recipe, imports, pypi, python

BLINKER = Recipe(
    source=pypi(
        "blinker-1.9.0.tar.gz",
        "b4ce2265a7abece45e7cc896e98dbebe6cead56bcf805a3d23136d145f5445bf",
    ),
    description="Sends signals between the objects of a program",
    licence="MIT",
    homepage="https://blinker.readthedocs.io/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("blinker"),
    seconds=5,
)
