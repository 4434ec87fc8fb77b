"""Compresses in the format of lzip, on all processors."""

from derivations.kit import Recipe, configure, debian

PLZIP = Recipe(
    source=debian(
        "p/plzip/plzip_1.12.orig.tar.xz",
        "7e170d78ed245e293405d5c62aa33b79b19c133cf6fff7642f7326df8cda5f51",
    ),
    description="Compresses in the format of lzip, on all processors",
    licence="GPL-2.0-or-later",
    homepage="https://www.nongnu.org/lzip/plzip.html",
    needs=("lzlib",),
    build=configure('CXX="$CXX" CXXFLAGS="$CXXFLAGS" LDFLAGS="$LDFLAGS"'),
    programs=("plzip",),
    check=(
        "seq 9999 > numbers",
        '"$out/bin/plzip" -c numbers | "$out/bin/plzip" -dc | cmp - numbers',
    ),
    upstream=("make -C /build/src check",),
    seconds=20,
)
