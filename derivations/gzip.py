"""DEFLATE compression."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "g/gzip/gzip_1.13.orig.tar.xz",
    "7454eb6935db17c6655576c2e1b0fabefd38b4d0936e0f87f48cd062ce91a057",
)

GZIP = Recipe(
    description="DEFLATE compression",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/gzip/",
    seconds=32,
    source=SOURCE,
    programs=("gzip",),
    build=autotools(manuals=False),
    check=(
        "seq 1000 > numbers",
        '"$out/bin/gzip" -kn numbers',
        '"$out/bin/gzip" -dc numbers.gz | cmp - numbers',
    ),
)
