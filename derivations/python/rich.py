"""Colours, tables and bars in a terminal."""

from derivations.kit import Recipe, imports, pypi, python

RICH = Recipe(
    source=pypi(
        "rich-15.0.0.tar.gz",
        "edd07a4824c6b40189fb7ac9bc4c52536e9780fbbfbddf6f1e2502c31b068c36",
    ),
    description="Draws text, tables and progress on a terminal",
    licence="MIT",
    homepage="https://github.com/Textualize/rich",
    needs=("markdown-it-py", "pygments"),
    build=python("poetry.core.masonry.api", tools=("poetry-core",)),
    tools=("python",),
    check=imports("rich.table", "rich.markdown"),
    seconds=5,
)
