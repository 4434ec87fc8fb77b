"""Builds libraries the same way everywhere."""

from derivations.kit import Recipe, autotools, debian

LIBTOOL = Recipe(
    source=debian(
        "libt/libtool/libtool_2.5.4.orig.tar.xz",
        "d9189031edeaa6aa74695b2aeb80a8c26df50b29d8b72c991667e01adecea42c",
    ),
    description="Builds libraries the same way everywhere; its macros are in many a package",
    licence="GPL-2.0-or-later WITH Libtool-exception",
    homepage="https://www.gnu.org/software/libtool/",
    build=autotools(
        "--disable-shared",
        finish=(
            # The places of the compiler that made it are of no use to others.
            'sed -i -e "\\|$out|!s|/store/[^/\' :]*/|/|g" "$out/bin/libtool"',
            'sed -i "1s|.*|#!/bin/sh|" "$out/bin/libtoolize"',
        ),
    ),
    programs=("libtool", "libtoolize"),
    check=('test -f "$out/share/aclocal/ltdl.m4"',),
    seconds=15,
)
