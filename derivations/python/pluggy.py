"""Plug-ins of Python programs."""

from derivations.kit import Recipe, imports, pypi, python

PLUGGY = Recipe(
    source=pypi(
        "pluggy-1.7.0.tar.gz",
        "d1eaa46ebb595891b860ab086b4d09c8588af65ebd4361b8e8f4bb8920b90ba8",
    ),
    description="Lets plug-ins hook into a Python program",
    licence="MIT",
    homepage="https://pluggy.readthedocs.io/",
    build=python(
        "setuptools.build_meta",
        tools=("setuptools",),
        prepare=(
            "version=$(sed -n 's/^Version: //p' PKG-INFO)",
            "sed -i \"s/^dynamic = .*/version = '$version'/\" pyproject.toml",
        ),
    ),
    tools=("python",),
    check=imports("pluggy"),
    seconds=5,
)
