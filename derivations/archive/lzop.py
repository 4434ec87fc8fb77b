"""Compresses as fast as it reads."""

from derivations.kit import Recipe, autotools, debian

LZOP = Recipe(
    source=debian(
        "l/lzop/lzop_1.04.orig.tar.gz",
        "7e72b62a8a60aff5200a047eea0773a8fb205caf7acbe1774d95147f305a2f41",
    ),
    description="Compresses as fast as it reads",
    licence="GPL-2.0-or-later",
    homepage="https://www.lzop.org/",
    build=autotools(),
    needs=("lzo",),
    programs=("lzop",),
    seconds=20,
)
