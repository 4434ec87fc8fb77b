"""A small web framework."""

from derivations.kit import Recipe, imports, pypi, python

BOTTLE = Recipe(
    source=pypi(
        "bottle-0.13.4.tar.gz",
        "787e78327e12b227938de02248333d788cfe45987edca735f8f88e03472c3f47",
    ),
    description="A framework for small programs of the web, in one file",
    licence="MIT",
    homepage="https://bottlepy.org/",
    runs=("python",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    programs=("bottle",),
    check=imports("bottle"),
    seconds=5,
)
