"""Reads HTML that is not quite right."""

from derivations.kit import Recipe, imports, pypi, python

BEAUTIFULSOUP4 = Recipe(
    source=pypi(
        "beautifulsoup4-4.15.0.tar.gz",
        "288e3ca7d54b06f2ac191970bc275c1939cb46d450b255bf6718b04aa37ab4f7",
    ),
    description="Reads HTML and XML, even where they have mistakes",
    licence="MIT",
    homepage="https://www.crummy.com/software/BeautifulSoup/",
    needs=("soupsieve", "typing-extensions"),
    build=python(
        "hatchling.build",
        tools=("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"),
    ),
    tools=("python",),
    check=imports("bs4"),
    seconds=5,
)
