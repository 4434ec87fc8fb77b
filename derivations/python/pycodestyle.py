"""Checks the style."""

from derivations.kit import Recipe, imports, pypi, python

PYCODESTYLE = Recipe(
    source=pypi(
        "pycodestyle-2.15.0.tar.gz",
        "318f5db083869b4c4dad922d0b11124fb27ab181b6730b93371da671e31bd50e",
    ),
    description="Checks programs in Python against the rules of style",
    licence="MIT",
    homepage="https://pycodestyle.pycqa.org/",
    runs=("python",),
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    programs=("pycodestyle",),
    check=imports("pycodestyle"),
    seconds=5,
)
