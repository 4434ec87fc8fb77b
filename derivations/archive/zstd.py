"""Compresses fast, or well, and decompresses fast."""

from derivations.kit import Recipe, debian, makefile

ZSTD = Recipe(
    source=debian(
        "libz/libzstd/libzstd_1.5.7+dfsg.orig.tar.xz",
        "0c092ef267edce57ba7f3f2645c861f72eaf5e76273c6c3632869423464b90a5",
        name="zstd",
    ),
    description="Compresses fast, or well, and decompresses fast",
    licence="BSD-3-Clause OR GPL-2.0-only",
    homepage="https://facebook.github.io/zstd/",
    build=makefile(
        folder="programs",
        finish=('make -C /build/src/lib PREFIX="$out" install-static install-includes install-pc',),
    ),
    needs=("xz", "zlib"),
    programs=("zstd",),
    check=(
        "seq 9999 > numbers",
        '"$out/bin/zstd" -q numbers',
        '"$out/bin/zstd" -dc numbers.zst | cmp - numbers',
    ),
    upstream=("make -C /build/src check",),
    upstream_tools=("file", "gzip", "tar", "xz"),
    seconds=40,
)
