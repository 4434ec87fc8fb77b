"""Parses Markdown."""

from derivations.kit import Recipe, imports, pypi, python

MARKDOWN_IT_PY = Recipe(
    source=pypi(
        "markdown_it_py-4.3.0.tar.gz",
        "91a58fa5b72c71a40cf7177250fd767480d7a2bb3ac426ccfb76fb90305fdaaa",
    ),
    description="Parses Markdown, by the rules of CommonMark",
    licence="MIT",
    homepage="https://github.com/executablebooks/markdown-it-py",
    needs=("mdurl",),
    runs=("mdurl", "python"),
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    programs=("markdown-it",),
    check=imports("markdown_it"),
    seconds=5,
)
