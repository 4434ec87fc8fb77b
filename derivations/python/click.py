"""Command lines in Python."""

from derivations.kit import Recipe, imports, pypi, python

CLICK = Recipe(
    source=pypi(
        "click-8.5.1.tar.gz",
        "9bbfada76703fd1d784b83eea012e3e8c6a001a876543ef104fa56aaaeb072b4",
    ),
    description="Parses command lines, and writes their help",
    licence="BSD-3-Clause",
    homepage="https://click.palletsprojects.com/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("click"),
    seconds=5,
)
