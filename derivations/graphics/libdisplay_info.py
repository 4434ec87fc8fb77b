"""Reads what a display says of itself."""

from derivations.kit import Recipe, debian, meson

LIBDISPLAY_INFO = Recipe(
    source=debian(
        "libd/libdisplay-info/libdisplay-info_0.2.0.orig.tar.bz2",
        "f6cf2ddbba3753ae38de5113d1fcb8fab977dfaf5fb07b38cd68d8482765e208",
    ),
    description="Reads the block of data by which a display describes itself",
    licence="MIT",
    homepage="https://gitlab.freedesktop.org/emersion/libdisplay-info",
    needs=("hwdata",),
    build=meson(),
    programs=("di-edid-decode",),
    waive=(("version", "it says none"),),
    # The others compare it with another program, edid-decode.
    upstream=("meson test 'print-*'",),
    seconds=15,
)
