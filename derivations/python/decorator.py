"""Decorators that keep signatures."""

from derivations.kit import Recipe, imports, pypi, python

DECORATOR = Recipe(
    source=pypi(
        "decorator-5.3.1.tar.gz",
        "4cbcdd55a6efadb9dbea26b858f4fb3264567b52d69ca0d25b721b553f60ea82",
    ),
    description="Makes decorators that keep the signature of a function",
    licence="BSD-2-Clause",
    homepage="https://github.com/micheles/decorator",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("decorator"),
    seconds=5,
)
