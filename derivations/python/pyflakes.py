"""Finds mistakes."""

from derivations.kit import Recipe, imports, pypi, python

PYFLAKES = Recipe(
    source=pypi(
        "pyflakes-4.1.0.tar.gz",
        "592beb57058eb82eb190fb7514f2081c555c51000b029ff71286a681e6cf2f83",
    ),
    description="Finds mistakes in programs in Python, without running them",
    licence="MIT",
    homepage="https://github.com/PyCQA/pyflakes",
    runs=("python",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    programs=("pyflakes",),
    check=imports("pyflakes"),
    seconds=5,
)
