"""Finds libraries for compilers."""

from derivations.kit import TRIPLET, Recipe, autotools, debian

PKGCONF = Recipe(
    source=debian(
        "p/pkgconf/pkgconf_1.8.1.orig.tar.xz",
        "644361ada2942be05655d4452eb018791647c31bba429b287f1f68deb2dc6840",
    ),
    description="Finds libraries for compilers, with all that a static program links",
    licence="ISC",
    homepage="http://pkgconf.org/",
    files=(
        (
            "personality",
            f"Triplet: {TRIPLET}\nWantDefaultStatic: true\n",
        ),
        # By a plain name, it knows no personality.
        ("pkg-config", f'#!/bin/sh\nexec {TRIPLET}-pkg-config "$@"\n'),
    ),
    build=autotools(
        "--disable-shared --with-pkg-config-dir=/lib/pkgconfig:/share/pkgconfig",
        "--with-system-libdir=/lib --with-system-includedir=/include",
        finish=(
            'folder="$out/share/pkgconfig/personality.d"',
            'mkdir -p "$folder"',
            f'cp ../personality "$folder/{TRIPLET}.personality"',
            f'ln -s pkgconf "$out/bin/{TRIPLET}-pkg-config"',
            'cp ../pkg-config "$out/bin/pkg-config"',
            'chmod 755 "$out/bin/pkg-config"',
        ),
    ),
    programs=("pkgconf",),
    check=(
        "printf 'Name: a\\nDescription: a\\nVersion: 1\\nLibs: -la\\nLibs.private: -lb\\n' > a.pc",
        'set -- $(PKG_CONFIG_PATH=. PATH="$out/bin:$PATH" pkg-config --libs a)',
        'test "$*" = "-la -lb"',
    ),
    seconds=20,
)
