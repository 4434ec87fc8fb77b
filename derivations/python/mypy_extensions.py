"""More types."""

from derivations.kit import Recipe, imports, pypi, python

MYPY_EXTENSIONS = Recipe(
    source=pypi(
        "mypy_extensions-1.2.0.tar.gz",
        "c6e275a07f1c2fc096b62940452d0eaa3f3af7de45d704787866240a7c6d5a51",
    ),
    description="Types that mypy knows and Python does not",
    licence="MIT",
    homepage="https://github.com/python/mypy_extensions",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("mypy_extensions"),
    seconds=5,
)
