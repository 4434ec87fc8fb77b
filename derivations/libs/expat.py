"""Parses XML as a stream."""

from derivations.kit import Recipe, autotools, debian

EXPAT = Recipe(
    source=debian(
        "e/expat/expat_2.8.3.orig.tar.gz",
        "533659a16e0184035a99fd8e783f1ad61a887a7bf8586a8681740b9d7ed42389",
    ),
    description="Parses XML as a stream",
    licence="MIT",
    homepage="https://libexpat.github.io/",
    build=autotools(
        "--disable-shared --without-docbook --without-tests --without-examples",
        reconf=True,
        folder="expat",
    ),
    programs=("xmlwf -v",),
    upstream=(
        "/build/src/expat/configure --disable-shared --without-docbook --without-examples",
        "make check",
    ),
    seconds=30,
)
