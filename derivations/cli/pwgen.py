"""Passwords that can be said."""

from derivations.kit import Recipe, configure, debian

PWGEN = Recipe(
    source=debian(
        "p/pwgen/pwgen_2.08.orig.tar.gz",
        "dab03dd30ad5a58e578c5581241a6e87e184a18eb2c3b2e0fffa8a9cf105c97b",
    ),
    description="Makes passwords that can be said and remembered",
    licence="GPL-2.0-only",
    homepage="https://sourceforge.net/projects/pwgen/",
    build=configure(),
    programs=("pwgen",),
    check=('test "$("$out/bin/pwgen" 12 1 | wc -c)" = 13',),
    licences=("pwgen.c",),
    waive=(("version", "says none"),),
    seconds=15,
)
