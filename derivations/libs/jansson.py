"""JSON in C."""

from derivations.kit import Recipe, autotools, debian

JANSSON = Recipe(
    source=debian(
        "j/jansson/jansson_2.14.orig.tar.gz",
        "c739578bf6b764aa0752db9a2fdadcfe921c78f1228c7ec0bb47fa804c55d17b",
    ),
    description="Reads and writes JSON, for programs in C",
    licence="MIT",
    homepage="https://digip.org/jansson/",
    build=autotools("--disable-shared", reconf=True),
    upstream=("make check",),
    seconds=20,
)
