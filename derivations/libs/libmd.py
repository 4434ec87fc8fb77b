"""The message digests that BSD has in its C library."""

from derivations.kit import Recipe, autotools, debian

LIBMD = Recipe(
    source=debian(
        "libm/libmd/libmd_1.1.0.orig.tar.xz",
        "1bd6aa42275313af3141c7cf2e5b964e8b1fd488025caf2f971f43b00776b332",
    ),
    description="The message digests that BSD has in its C library",
    licence="BSD-3-Clause AND BSD-2-Clause AND ISC AND Beerware",
    homepage="https://www.hadrons.org/software/libmd/",
    build=autotools("--disable-shared"),
    upstream=("make check",),
    seconds=10,
)
