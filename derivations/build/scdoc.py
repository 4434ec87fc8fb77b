"""Writes manuals."""

from derivations.kit import Recipe, debian, makefile

SCDOC = Recipe(
    source=debian(
        "s/scdoc/scdoc_1.11.2.orig.tar.gz",
        "e9ff9981b5854301789a6778ee64ef1f6d1e5f4829a9dd3e58a9a63eacc2e6f0",
    ),
    description="Writes manuals in roff from a plain text",
    licence="MIT",
    homepage="https://git.sr.ht/~sircmpwn/scdoc",
    build=makefile(),
    programs=("scdoc -v",),
    check=("printf 'a(1)\\n\\n# NAME\\n\\nb - c\\n' | \"$out/bin/scdoc\" | grep -q '^.SH NAME'",),
    upstream=("make -C /build/src check",),
    seconds=5,
)
