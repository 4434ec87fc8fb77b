"""Compresses faster than most disks write."""

from derivations.kit import Recipe, debian, makefile

LZ4 = Recipe(
    source=debian(
        "l/lz4/lz4_1.10.0.orig.tar.gz",
        "537512904744b35e232912055ccf8ec66d768639ff3abe5788d90d792ec5f48b",
    ),
    description="Compresses faster than most disks write",
    licence="BSD-2-Clause AND GPL-2.0-or-later",
    homepage="https://lz4.org/",
    build=makefile("BUILD_SHARED=no"),
    programs=("lz4",),
    check=("seq 9999 > numbers", '"$out/bin/lz4" -c numbers | "$out/bin/lz4" -dc | cmp - numbers'),
    upstream=("make -C /build/src check",),
    seconds=15,
)
