"""The certificates that the web trusts, for Python."""

from derivations.kit import Recipe, imports, pypi, python

CERTIFI = Recipe(
    source=pypi(
        "certifi-2026.10.18.tar.gz",
        "b9995d97b64d0431a5af837d8ca8cd6238104d1f319f04bd93ea43124d6c861e",
    ),
    description="The certificates that Mozilla trusts, as a module of Python",
    licence="MPL-2.0",
    homepage="https://github.com/certifi/python-certifi",
    build=python("setuptools.build_meta", tools=("setuptools",)),
    tools=("python",),
    check=imports("certifi"),
    seconds=5,
)
