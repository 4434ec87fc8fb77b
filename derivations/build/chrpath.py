"""Shows and changes where a program looks for libraries."""

from derivations.kit import Recipe, autotools, debian

CHRPATH = Recipe(
    source=debian(
        "c/chrpath/chrpath_0.18.orig.tar.gz",
        "f09c49f0618660ca11fc6d9580ddde904c7224d4c6d0f6f2d1f9bcdc9102c9aa",
    ),
    description="Shows and changes where a program looks for libraries",
    licence="GPL-2.0-or-later",
    homepage="https://codeberg.org/pere/chrpath",
    build=autotools(reconf=True),
    programs=("chrpath",),
    seconds=15,
)
