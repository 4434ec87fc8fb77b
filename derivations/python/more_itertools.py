"""More loops."""

from derivations.kit import Recipe, imports, pypi, python

MORE_ITERTOOLS = Recipe(
    source=pypi(
        "more_itertools-11.2.1.tar.gz",
        "cbf08fd0af284dc69718b9b76a8e6203df624d70209ea511e4219d350c856f63",
    ),
    description="More ways to loop over things",
    licence="MIT",
    homepage="https://more-itertools.readthedocs.io/",
    build=python("flit_core.buildapi", tools=("flit-core",)),
    tools=("python",),
    check=imports("more_itertools"),
    seconds=5,
)
