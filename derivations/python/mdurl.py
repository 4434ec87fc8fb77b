"""Parses URLs of Markdown."""

from derivations.kit import Recipe, imports, pypi, python

MDURL = Recipe(
    source=pypi(
        "mdurl-0.1.2.tar.gz",
        "bb413d29f5eea38f31dd4754dd7377d4465116fb207585f97bf925588687c1ba",
    ),
    description="Parses and encodes URLs as Markdown has them",
    licence="MIT",
    homepage="https://github.com/executablebooks/mdurl",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("mdurl"),
    seconds=5,
)
