"""Finds lines that match a pattern."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "g/grep/grep_3.8.orig.tar.xz",
    "498d7cc1b4fb081904d87343febb73475cf771e424fb7e6141aff66013abc382",
)

GREP = Recipe(
    description="Finds lines that match a pattern",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/grep/",
    seconds=40,
    source=SOURCE,
    programs=("grep",),
    build=autotools("--disable-perl-regexp", manuals=False),
    check=(
        "echo point > text",
        '"$out/bin/grep" -qE "^p(oi|io)nt$" text',
        'if "$out/bin/grep" -q line text; then exit 1; fi',
    ),
)
