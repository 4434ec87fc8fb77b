"""Tables in plain text."""

from derivations.kit import Recipe, imports, pypi, python

TABULATE = Recipe(
    source=pypi(
        "tabulate-0.10.0.tar.gz",
        "e2cfde8f79420f6deeffdeda9aaec3b6bc5abce947655d17ac662b126e48a60d",
    ),
    description="Prints tables in plain text",
    licence="MIT",
    homepage="https://github.com/astanin/python-tabulate",
    runs=("python",),
    build=python(
        "setuptools.build_meta",
        tools=("setuptools",),
        prepare=(
            "version=$(tr -d '\\r' < PKG-INFO | sed -n '/^Version: /{s///p;q}')",
            "sed -i \"s/^dynamic = .*/version = '$version'/\" pyproject.toml",
        ),
    ),
    tools=("python",),
    programs=("tabulate",),
    waive=(("version", "it says none"),),
    check=imports("tabulate"),
    seconds=5,
)
