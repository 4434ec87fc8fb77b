"""The classifiers of PyPI."""

from derivations.kit import Recipe, imports, pypi, python

TROVE_CLASSIFIERS = Recipe(
    source=pypi(
        "trove_classifiers-2026.9.21.13.tar.gz",
        "0a9ebc8d4e2f3e8a22848c5258033035bec17a3012ac3fea16dbaa764489eb71",
    ),
    description="Lists the classifiers that Python packages may name",
    licence="Apache-2.0",
    homepage="https://github.com/pypa/trove-classifiers",
    runs=("python",),
    build=python(
        "setuptools.build_meta",
        tools=("setuptools",),
        prepare=(
            "version=$(sed -n 's/^Version: //p' PKG-INFO)",
            "sed -i \"s/use_calver=.*/version='$version',/; /calver/d\" setup.py",
        ),
    ),
    tools=("python",),
    programs=("trove-classifiers",),
    waive=(("version", "it says none"),),
    check=imports("trove_classifiers"),
    seconds=5,
)
