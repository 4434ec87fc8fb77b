"""DEFLATE compression."""

from derivations.kit import Recipe, autotools, debian, debian_patches

SOURCE = debian(
    "g/gzip/gzip_1.13.orig.tar.xz",
    "7454eb6935db17c6655576c2e1b0fabefd38b4d0936e0f87f48cd062ce91a057",
)

GZIP = Recipe(
    description="DEFLATE compression",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/gzip/",
    seconds=32,
    source=SOURCE,
    patches=(
        # Its scripts wrote over temporary files that others had made; .lzh after .Z overflowed.
        debian_patches(
            "g/gzip/gzip_1.13-1+deb13u1.debian.tar.xz",
            "ffc69d13290009f42dbb4d10a34839350eff3fdaf4be1fda03d10b238ba2f77d",
            "CVE-2026-41991-a.patch",
            "CVE-2026-41991-b.patch",
            "CVE-2026-41992.patch",
        ),
    ),
    programs=("gzip",),
    build=autotools(manuals=False),
    check=(
        "seq 1000 > numbers",
        '"$out/bin/gzip" -kn numbers',
        '"$out/bin/gzip" -dc numbers.gz | cmp - numbers',
    ),
)
