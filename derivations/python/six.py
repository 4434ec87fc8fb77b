"""Python 2 and 3 in one text."""

from derivations.kit import Recipe, imports, pypi, python

SIX = Recipe(
    source=pypi(
        "six-1.17.0.tar.gz",
        "ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81",
    ),
    description="Lets one text be a program of Python 2 and of Python 3",
    licence="MIT",
    homepage="https://github.com/benjaminp/six",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("six"),
    seconds=5,
)
