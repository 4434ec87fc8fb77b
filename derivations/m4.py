"""The macro processor."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "m/m4/m4_1.4.19.orig.tar.xz",
    "63aede5c6d33b6d9b13511cd0be2cac046f2e70fd0a07aa9573a04a82783af96",
)

M4 = Recipe(
    description="The macro processor",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/m4/",
    seconds=55,
    source=SOURCE,
    programs=("m4",),
    files=(("twice.m4", "define(twice, `$1$1')twice(a)"),),
    build=autotools(manuals=False),
    check=("""test "$("$out/bin/m4" ../twice.m4)" = aa""",),
)
