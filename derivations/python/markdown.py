"""HTML from Markdown."""

from derivations.kit import Recipe, imports, pypi, python

MARKDOWN = Recipe(
    source=pypi(
        "markdown-3.11.3.tar.gz",
        "81eb91631dc97ad1efbc76019ef0f80fe90ca49ddf81546752d79989c3bfff3e",
    ),
    description="Makes HTML from Markdown",
    licence="BSD-3-Clause",
    homepage="https://python-markdown.github.io/",
    runs=("python",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    programs=("markdown_py",),
    check=imports("markdown"),
    seconds=5,
)
