"""Speaks with programs."""

from derivations.kit import Recipe, imports, pypi, python

PEXPECT = Recipe(
    source=pypi(
        "pexpect-4.9.0.tar.gz",
        "ee7d41123f3c9911050ea2c2dac107568dc43b2d3b0c7557a33212c398ead30f",
    ),
    description="Waits for a program's words, and answers them",
    licence="ISC",
    homepage="https://pexpect.readthedocs.io/",
    needs=("ptyprocess",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("pexpect"),
    seconds=5,
)
