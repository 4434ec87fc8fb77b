"""LZMA compression with a plain format, for programs."""

from derivations.kit import Recipe, configure, debian

LZLIB = Recipe(
    source=debian(
        "l/lzlib/lzlib_1.15.orig.tar.xz",
        "1bbeee856e6d769283e713be792c6399677d3346e566aca74070f772c47d48e4",
    ),
    description="LZMA compression with a plain format, for programs",
    licence="BSD-2-Clause",
    homepage="https://www.nongnu.org/lzip/lzlib.html",
    build=configure('CC="$CC" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS"'),
    upstream=("make -C /build/src check",),
    seconds=5,
)
