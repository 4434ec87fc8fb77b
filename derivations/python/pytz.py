"""Zones of time."""

from derivations.kit import Recipe, imports, pypi, python

PYTZ = Recipe(
    source=pypi(
        "pytz-2026.6.tar.gz",
        "3b0fc2727707663d6e517936f444fd8a8b240f1fc32f4bf7ee03274245945284",
    ),
    description="The world's zones of time, for Python",
    licence="MIT",
    homepage="https://github.com/stub42/pytz",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("pytz"),
    seconds=5,
)
