"""LZMA compression with a plain format."""

from derivations.kit import Recipe, configure, debian

LZIP = Recipe(
    source=debian(
        "l/lzip/lzip_1.25.orig.tar.xz",
        "b854b1e83c978485de6a8c3d47299dfca8d86ce771d05a278d5badcc9101e949",
    ),
    description="LZMA compression with a plain format",
    licence="GPL-2.0-or-later",
    homepage="https://www.nongnu.org/lzip/lzip.html",
    build=configure('CXX="$CXX" CXXFLAGS="$CXXFLAGS" LDFLAGS="$LDFLAGS"'),
    programs=("lzip",),
    check=(
        "seq 9999 > numbers",
        '"$out/bin/lzip" -c numbers | "$out/bin/lzip" -dc | cmp - numbers',
    ),
    upstream=("make -C /build/src check",),
    seconds=10,
)
