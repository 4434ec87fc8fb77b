"""Lists that stay sorted."""

from derivations.kit import Recipe, imports, pypi, python

SORTEDCONTAINERS = Recipe(
    source=pypi(
        "sortedcontainers-2.4.0.tar.gz",
        "25caa5a06cc30b6b83d11423433f65d1f9d76c4c6a0c90e3379eaa43b9bfdb88",
    ),
    description="Lists, dictionaries and sets that stay sorted",
    licence="Apache-2.0",
    homepage="https://grantjenks.com/docs/sortedcontainers/",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("sortedcontainers"),
    seconds=5,
)
