"""A program that stays when its terminal goes."""

from derivations.kit import Recipe, configure, debian

DTACH = Recipe(
    source=debian(
        "d/dtach/dtach_0.9.orig.tar.gz",
        "32e9fd6923c553c443fab4ec9c1f95d83fa47b771e6e1dafb018c567291492f3",
    ),
    description="Keeps a program alive without its terminal",
    licence="GPL-2.0-or-later",
    homepage="https://dtach.sourceforge.net/",
    # Its Makefile installs nothing.
    build=configure(
        install="dtach",
        finish=(
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp dtach "$out/bin/"',
            'cp dtach.1 "$out/share/man/man1/"',
        ),
    ),
    programs=("dtach --help",),
    seconds=15,
)
