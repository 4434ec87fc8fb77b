"""Fetches a file by several connections at once."""

from derivations.kit import Recipe, autotools, debian

AXEL = Recipe(
    source=debian(
        "a/axel/axel_2.17.14.orig.tar.gz",
        "575f73f640ee836a95d27b54aeed216c45bc1e914cad92da6f00b907d1c94925",
    ),
    description="Fetches a file by several connections at once",
    licence="GPL-2.0-or-later",
    homepage="https://github.com/axel-download-accelerator/axel",
    needs=("openssl",),
    build=autotools(),
    programs=("axel",),
    seconds=40,
)
