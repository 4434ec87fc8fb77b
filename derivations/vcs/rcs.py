"""Keeps the history of single files."""

from derivations.kit import Recipe, autotools, debian

RCS = Recipe(
    source=debian(
        "r/rcs/rcs_5.10.1.orig.tar.xz",
        "37b5b39d2395ae21eb246d2ebf5ee242d54a72d11e8f8a3a4d818368e45a6bff",
    ),
    description="Keeps the history of single files",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/rcs/",
    tools=("ed",),
    build=autotools(),
    programs=("ci", "co", "rcs", "rcsdiff"),
    check=("echo yes > it", '"$out/bin/ci" -q -u -t-it it', '"$out/bin/co" -q -p it | grep yes'),
    upstream=("make check",),
    seconds=60,
)
