"""Wheels, packed and unpacked."""

from derivations.kit import Recipe, imports, pypi, python

WHEEL = Recipe(
    source=pypi(
        "wheel-0.48.0.tar.gz",
        "94800765601e9171bf5d58d066e640662842bcedcbab982b2c90787a2c987322",
    ),
    description="Packs and unpacks wheels, the archives that Python modules come in",
    licence="MIT",
    homepage="https://wheel.readthedocs.io/",
    needs=("packaging",),
    runs=("packaging", "python"),
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    programs=("wheel version",),
    check=imports("wheel"),
    seconds=5,
)
