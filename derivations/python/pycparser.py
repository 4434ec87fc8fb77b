"""Parses C."""

from derivations.kit import Recipe, imports, pypi, python

PYCPARSER = Recipe(
    source=pypi(
        "pycparser-3.12.tar.gz",
        "f03387877eab82ce01bbdfd0ba7252ee55a90b1c708d5129e2ce915475cf1db6",
    ),
    description="Parses C",
    licence="BSD-3-Clause",
    homepage="https://github.com/eliben/pycparser",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("pycparser"),
    seconds=5,
)
