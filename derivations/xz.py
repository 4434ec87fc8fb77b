"""LZMA compression."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "x/xz-utils/xz-utils_5.8.4.orig.tar.xz",
    "4ce24038fd4221e0d13bc1a2de7a4db56e90b92b3bf75321f6c14be73f65de4b",
    name="xz",
)

XZ = Recipe(
    description="LZMA compression",
    licence="0BSD AND GPL-2.0-or-later",
    homepage="https://tukaani.org/xz/",
    seconds=40,
    source=SOURCE,
    programs=("xz",),
    build=autotools(
        "--disable-shared", "--disable-doc", finish=('rm -f "$out/lib/liblzma.la"',), manuals=False
    ),
    check=(
        "seq 1000 > numbers",
        '"$out/bin/xz" -k numbers',
        '"$out/bin/xz" -dc numbers.xz | cmp - numbers',
    ),
)
