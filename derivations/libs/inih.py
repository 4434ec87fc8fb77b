"""Reads .ini files."""

from derivations.kit import Recipe, debian, meson

INIH = Recipe(
    source=debian(
        "libi/libinih/libinih_59.orig.tar.gz",
        "062279922805f5e9a369551a08d5ddb506140fe50774183ffdbb7c22bb97e3f4",
        name="inih",
    ),
    description="Reads .ini files",
    licence="BSD-3-Clause",
    homepage="https://github.com/benhoyt/inih",
    build=meson(),
    upstream=("meson test",),
    seconds=10,
)
