"""Installs wheels."""

from derivations.kit import Recipe, imports, pypi, python

INSTALLER = Recipe(
    source=pypi(
        "installer-1.1.0.tar.gz",
        "5adc0c01ce62d809989e246987cd68944fe5df8af562d0358f65b2ab15cb5de7",
    ),
    description="Installs wheels of Python modules, with their programs",
    licence="MIT",
    homepage="https://installer.readthedocs.io/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("installer"),
    seconds=5,
)
