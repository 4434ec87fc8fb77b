"""Hashes that are as fast as memory."""

from derivations.kit import Recipe, debian, makefile

XXHASH = Recipe(
    source=debian(
        "x/xxhash/xxhash_0.8.3.orig.tar.gz",
        "aae608dfe8213dfd05d909a57718ef82f30722c392344583d3f39050c7f29a80",
    ),
    description="Hashes that are as fast as memory",
    licence="BSD-2-Clause AND GPL-2.0-or-later",
    homepage="https://xxhash.com/",
    build=makefile(
        "LIBXXH_DISPATCH=0",
        build="libxxhash.a xxhsum",
        install="install_libxxhash.a install_libxxhash.includes install_libxxhash.pc"
        " install_xxhsum",
    ),
    programs=("xxhsum",),
    upstream=("make -C /build/src check",),
    seconds=10,
)
