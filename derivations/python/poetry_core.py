"""Builds wheels for poetry."""

from derivations.kit import Recipe, imports, pypi, python

POETRY_CORE = Recipe(
    source=pypi(
        "poetry_core-2.5.0.tar.gz",
        "81d04c9253b19d0604718268d781867c8f7b2128e5b25bbf1e84141eec6b89c4",
    ),
    description="Builds wheels of Python modules that are kept with poetry",
    licence="MIT",
    homepage="https://github.com/python-poetry/poetry-core",
    build=python("poetry.core.masonry.api", prepare=("PYTHONPATH=/build/src/src:$PYTHONPATH",)),
    tools=("python",),
    check=imports("poetry.core"),
    seconds=5,
)
