"""Builds wheels, the old way and the new."""

from derivations.kit import Recipe, imports, pypi, python

SETUPTOOLS = Recipe(
    source=pypi(
        "setuptools-84.2.1.tar.gz",
        "3ff8b3b5492a0aa66960f4419365a86b84e013070d4313e4d4a6894f5d64d6bc",
    ),
    description="Builds wheels of Python modules, those with a setup.py too",
    licence="MIT",
    homepage="https://setuptools.pypa.io/",
    build=python("setuptools.build_meta"),
    tools=("python",),
    check=imports("setuptools"),
    waive=(("paths", "it speaks of folders that are called so"),),
    seconds=20,
)
