"""Writes perfect hash functions."""

from derivations.kit import Recipe, autotools, debian

GPERF = Recipe(
    source=debian(
        "g/gperf/gperf_3.2.1.orig.tar.gz",
        "ed5ad317858e0a9badbbada70df40194002e16e8834ac24491307c88f96f9702",
    ),
    description="Writes hash functions without collisions for fixed sets of words",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/gperf/",
    build=autotools(),
    programs=("gperf",),
    check=("printf 'one\\ntwo\\n' | \"$out/bin/gperf\" | grep in_word_set",),
    upstream=("make check",),
    seconds=20,
)
