"""Types of later Pythons."""

from derivations.kit import Recipe, imports, pypi, python

TYPING_EXTENSIONS = Recipe(
    source=pypi(
        "typing_extensions-4.16.0.tar.gz",
        "dc983d19a509c94dba722ee6abd33940f7c05a89e243c47e907eb4db6f1a43e5",
    ),
    description="Hints of types that later versions of Python have",
    licence="PSF-2.0",
    homepage="https://github.com/python/typing_extensions",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("typing_extensions"),
    seconds=5,
)
