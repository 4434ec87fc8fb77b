"""Versions and requirements of Python packages."""

from derivations.kit import Recipe, imports, pypi, python

PACKAGING = Recipe(
    source=pypi(
        "packaging-26.4.tar.gz",
        "c4b671c41ddb9bf26e543c37723610d28fb6bf7affc4da17cf048d419d2c062a",
    ),
    description="Reads versions, requirements and markers of Python packages",
    licence="Apache-2.0 OR BSD-2-Clause",
    homepage="https://packaging.pypa.io/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("packaging.version"),
    seconds=5,
)
