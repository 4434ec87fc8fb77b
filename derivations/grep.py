"""Finds lines that match a pattern."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "g/grep/grep_3.11.orig.tar.xz",
    "1db2aedde89d0dea42b16d9528f894c8d15dae4e190b59aecc78f5a951276eab",
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
