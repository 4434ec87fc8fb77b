"""Encodings of the web."""

from derivations.kit import Recipe, imports, pypi, python

WEBENCODINGS = Recipe(
    source=pypi(
        "webencodings-0.6.1.tar.gz",
        "565f9ad031c702dae404e27a099e3e09186a3ab1b9520f06d215502b651fd910",
    ),
    description="Names encodings as the web does",
    licence="BSD-3-Clause",
    homepage="https://github.com/gsnedders/python-webencodings",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("webencodings"),
    seconds=5,
)
