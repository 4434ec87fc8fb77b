"""Mailing lists: small programs that a mail server runs."""

from derivations.kit import Recipe, autotools, debian

MLMMJ = Recipe(
    source=debian(
        "m/mlmmj/mlmmj_1.5.2.orig.tar.xz",
        "de0be6c2910ac8bf8291dc86a3819a08b7cdb1019c54ede1791e166967bf1baa",
    ),
    description="Mailing lists: small programs that a mail server runs",
    licence="MIT",
    homepage="https://codeberg.org/mlmmj/mlmmj",
    build=autotools("--disable-tests"),
    tools=("pkgconf",),
    programs=("mlmmj-process -V", "mlmmj-send -V"),
    waive=(("version", "the archive of 1.5.2 says 1.5.0"),),
    seconds=15,
)
