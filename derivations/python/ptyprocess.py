"""Programs in a terminal of their own."""

from derivations.kit import Recipe, imports, pypi, python

PTYPROCESS = Recipe(
    source=pypi(
        "ptyprocess-0.7.0.tar.gz",
        "5c5d0a3b48ceee0b48485e0c26037c0acd7d29765ca3fbb5cb3831d347423220",
    ),
    description="Runs a program in a pseudo terminal",
    licence="ISC",
    homepage="https://github.com/pexpect/ptyprocess",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("ptyprocess"),
    seconds=5,
)
