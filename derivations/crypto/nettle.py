"""Ciphers and hashes in small pieces."""

from derivations.kit import Recipe, autotools, debian

NETTLE = Recipe(
    source=debian(
        "n/nettle/nettle_3.10.1.orig.tar.gz",
        "b0fcdd7fc0cdea6e80dcf1dd85ba794af0d5b4a57e26397eee3bc193272d9132",
    ),
    description="Ciphers and hashes in small pieces",
    licence="LGPL-3.0-or-later OR GPL-2.0-or-later",
    homepage="https://www.lysator.liu.se/~nisse/nettle/",
    build=autotools(
        "--disable-shared --disable-openssl --disable-documentation --enable-mini-gmp",
        '--libdir="$out/lib"',
    ),
    programs=("nettle-hash",),
    check=(
        "echo yes > file",
        "sum=$(sha1sum file | cut -c 1-8)",
        '"$out/bin/nettle-hash" -a sha1 < file | grep "$sum"',
    ),
    upstream=("make check",),
    seconds=60,
)
