"""Draws letters."""

from derivations.kit import Recipe, debian, meson

FREETYPE = Recipe(
    source=debian(
        "f/freetype/freetype_2.13.3+dfsg.orig.tar.xz",
        "686ec73cbf6783b245dd068a09ce807b729ac0f8a46dd70f7867923c32fdf4de",
    ),
    description="Draws the letters of a font as pixels",
    licence="FTL OR GPL-2.0-or-later",
    homepage="https://freetype.org/",
    needs=("bzip2", "libpng", "zlib"),
    build=meson("brotli=disabled", "harfbuzz=disabled", "png=enabled", "zlib=system"),
    licences=("docs/FTL.TXT", "docs/GPLv2.TXT"),
    seconds=20,
)
