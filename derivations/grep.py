"""Finds lines that match a pattern."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "grep",
    "3.8",
    "g/grep/grep_3.8.orig.tar.xz",
    "498d7cc1b4fb081904d87343febb73475cf771e424fb7e6141aff66013abc382",
)

GREP = Recipe(
    name="grep",
    version="3.8",
    description="Finds lines that match a pattern",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/grep/",
    seconds=40,
    sources=(SOURCE,),
    programs=("grep",),
    phases=autotools(
        "--disable-perl-regexp",
        check=(
            "echo point > text",
            '"$out/bin/grep" -qE "^p(oi|io)nt$" text',
            'if "$out/bin/grep" -q line text; then exit 1; fi',
        ),
    ),
)
