"""Compresses at once, decompresses faster."""

from derivations.kit import Recipe, autotools, debian

LZO = Recipe(
    source=debian(
        "l/lzo2/lzo2_2.10.orig.tar.gz",
        "c0f892943208266f9b6543b3ae308fab6284c5c90e627931446fb49b4221a072",
        name="lzo",
    ),
    description="Compresses at once, decompresses faster",
    licence="GPL-2.0-or-later",
    homepage="https://www.oberhumer.com/opensource/lzo/",
    build=autotools("--disable-shared"),
    upstream=("make check",),
    seconds=30,
)
