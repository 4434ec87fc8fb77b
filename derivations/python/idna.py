"""Names of hosts in all scripts."""

from derivations.kit import Recipe, imports, pypi, python

IDNA = Recipe(
    source=pypi(
        "idna-3.20.tar.gz",
        "a7db850025b95ded1eae8a46181a1a6c56c92c96f0e2b005d9ff8dc0210cab44",
    ),
    description="Encodes names of hosts in all scripts of the world",
    licence="BSD-3-Clause",
    homepage="https://github.com/kjd/idna",
    runs=("python",),
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    programs=("idna",),
    check=imports("idna"),
    seconds=5,
)
