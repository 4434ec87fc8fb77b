"""Makes and checks FAT file systems."""

from derivations.kit import Recipe, autotools, debian

DOSFSTOOLS = Recipe(
    source=debian(
        "d/dosfstools/dosfstools_4.2.orig.tar.gz",
        "64926eebf90092dca21b14259a5301b7b98e7b1943e8a201c7d726084809b527",
    ),
    description="Makes and checks FAT file systems",
    licence="GPL-3.0-or-later",
    homepage="https://github.com/dosfstools/dosfstools",
    build=autotools('--sbindir="$out/bin" --enable-compat-symlinks'),
    programs=("mkfs.fat --help", "fsck.fat --help", "fatlabel"),
    check=(
        "truncate -s 8M disk",
        '"$out/bin/mkfs.fat" disk',
        '"$out/bin/fsck.fat" -n disk',
    ),
    # Further words for single tests are looked for beside the test's results.
    upstream=("cp /build/src/tests/*.args tests/", "make check"),
    upstream_tools=("vim",),
    seconds=30,
)
