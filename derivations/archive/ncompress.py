"""compress as it was, for old files."""

from derivations.kit import Recipe, debian, makefile

NCOMPRESS = Recipe(
    source=debian(
        "n/ncompress/ncompress_5.0.orig.tar.gz",
        "96ec931d06ab827fccad377839bfb91955274568392ddecf809e443443aead46",
    ),
    description="compress as it was, for old files",
    licence="Unlicense",
    homepage="https://vapier.github.io/ncompress/",
    build=makefile(install="install_core"),
    programs=("compress -V",),
    check=(
        "seq 9999 > numbers",
        '"$out/bin/compress" -c numbers | "$out/bin/uncompress" -c | cmp - numbers',
    ),
    upstream=("make -C /build/src -f GNUmakefile check",),
    seconds=5,
)
