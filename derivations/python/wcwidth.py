"""The width of letters."""

from derivations.kit import Recipe, imports, pypi, python

WCWIDTH = Recipe(
    source=pypi(
        "wcwidth-0.9.4.tar.gz",
        "fd8d57d3cdfe570e3265c8fab1885c24e34ef40889c0759c0c304a19e9835954",
    ),
    description="Says how many columns of a terminal a text takes",
    licence="MIT",
    homepage="https://github.com/jquast/wcwidth",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("wcwidth"),
    seconds=5,
)
