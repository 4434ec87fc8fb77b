"""A small and quick AWK."""

from derivations.kit import Recipe, configure, debian

MAWK = Recipe(
    source=debian(
        "m/mawk/mawk_1.3.4.20250131.orig.tar.gz",
        "51bcb82d577b141d896d9d9c3077d7aaa209490132e9f2b9573ba8511b3835be",
        version="1.3.4",
    ),
    description="A small and quick AWK",
    licence="GPL-2.0-only",
    homepage="https://invisible-island.net/mawk/",
    build=configure('--mandir="$out/share/man" --with-builtin-srand --disable-echo'),
    programs=("mawk -W version",),
    check=('test "$("$out/bin/mawk" \'BEGIN { print 6 * 7 }\')" = 42',),
    upstream=("make -C /build/src check",),
    seconds=25,
)
