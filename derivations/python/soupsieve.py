"""Selects parts of HTML."""

from derivations.kit import Recipe, pypi, python

SOUPSIEVE = Recipe(
    source=pypi(
        "soupsieve-4.1.3.tar.gz",
        "13f70186c8f40bf8d0ff7bbab09a18fb149600b465269207b5e5b588f55fda08",
    ),
    description="Selects parts of HTML as CSS does",
    licence="MIT",
    homepage="https://github.com/facelessuser/soupsieve",
    build=python(
        "hatchling.build",
        tools=("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"),
    ),
    # It is imported by the check of beautifulsoup4, which it needs and which needs it.
    waive=(("paths", "it speaks of folders that are called so"),),
    seconds=5,
)
