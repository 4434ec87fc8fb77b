"""Regular expressions for many encodings."""

from derivations.kit import Recipe, autotools, debian

ONIGURUMA = Recipe(
    source=debian(
        "libo/libonig/libonig_6.9.9.orig.tar.gz",
        "001aa1202e78448f4c0bf1a48c76e556876b36f16d92ce3207eccfd61d99f2a0",
        name="oniguruma",
    ),
    description="Regular expressions for many encodings",
    licence="BSD-2-Clause",
    homepage="https://github.com/kkos/oniguruma",
    build=autotools("--disable-shared", reconf=True),
    upstream=("make check",),
    seconds=40,
)
