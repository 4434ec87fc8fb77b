"""Lines that are edited, in Python."""

from derivations.kit import Recipe, imports, pypi, python

PROMPT_TOOLKIT = Recipe(
    source=pypi(
        "prompt_toolkit-3.0.53.tar.gz",
        "9ec8a0ad96d5c56148b3f914aa79c1564c3fde5d2e6b876e7bc327e353cf8fa6",
    ),
    description="Edits lines in a terminal, with colours and completion",
    licence="BSD-3-Clause",
    homepage="https://github.com/prompt-toolkit/python-prompt-toolkit",
    needs=("wcwidth",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("prompt_toolkit"),
    seconds=5,
)
