"""Encryption that is hard to use wrongly."""

from derivations.kit import Recipe, autotools, debian, debian_patches

LIBSODIUM = Recipe(
    source=debian(
        "libs/libsodium/libsodium_1.0.18.orig.tar.gz",
        "d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4",
    ),
    description="Encryption that is hard to use wrongly",
    licence="ISC",
    homepage="https://libsodium.org/",
    patches=(
        debian_patches(
            "libs/libsodium/libsodium_1.0.18-1+deb13u1.debian.tar.xz",
            "86110bbca36b16567bc35971486c4e6bd4aaf59e74310bc0faf76840ac4e2afe",
            "CVE-2025-69277.patch",
        ),
    ),
    build=autotools("--disable-shared", reconf=True),
    # The static C library cannot be a part of position-independent programs.
    upstream=("make check LDFLAGS=-static",),
    seconds=60,
)
