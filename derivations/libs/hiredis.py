"""Speaks to Redis."""

from derivations.kit import Recipe, debian, makefile

HIREDIS = Recipe(
    source=debian(
        "h/hiredis/hiredis_1.2.0.orig.tar.gz",
        "82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c",
    ),
    description="Speaks to Redis",
    licence="BSD-3-Clause",
    homepage="https://github.com/redis/hiredis",
    build=makefile(
        # The environment has one that is meant for the compiler.
        "LIBRARY_PATH=lib",
        build="static hiredis.pc",
        install="static hiredis.pc",
        finish=(
            "cd /build/src",
            'mkdir -p "$out/include/hiredis" "$out/lib/pkgconfig"',
            'cp alloc.h async.h hiredis.h read.h sds.h sockcompat.h "$out/include/hiredis/"',
            'cp libhiredis.a "$out/lib/"',
            'cp hiredis.pc "$out/lib/pkgconfig/"',
        ),
    ),
    seconds=10,
)
