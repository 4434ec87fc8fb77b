"""Compresses whole buffers, as gzip and zlib do."""

from derivations.kit import Recipe, cmake, debian

LIBDEFLATE = Recipe(
    source=debian(
        "libd/libdeflate/libdeflate_1.23.orig.tar.gz",
        "1ab18349b9fb0ce8a0ca4116bded725be7dcbfa709e19f6f983d99df1fb8b25f",
    ),
    description="Compresses whole buffers as gzip and zlib do, faster",
    licence="MIT",
    homepage="https://github.com/ebiggers/libdeflate",
    build=cmake("LIBDEFLATE_BUILD_SHARED_LIB=OFF"),
    programs=("libdeflate-gzip -V",),
    check=('echo hello | "$out/bin/libdeflate-gzip" | "$out/bin/libdeflate-gunzip" | grep hello',),
    seconds=30,
)
