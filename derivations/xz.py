"""LZMA compression."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "x/xz-utils/xz-utils_5.8.1.orig.tar.xz",
    "0b54f79df85912504de0b14aec7971e3f964491af1812d83447005807513cd9e",
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
