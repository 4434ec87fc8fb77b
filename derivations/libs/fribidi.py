"""Text that runs both ways."""

from derivations.kit import Recipe, debian, meson

FRIBIDI = Recipe(
    source=debian(
        "f/fribidi/fribidi_1.0.16.orig.tar.xz",
        "1b1cde5b235d40479e91be2f0e88a309e3214c8ab470ec8a2744d82a5a9ea05c",
    ),
    description="Orders text that runs from left to right and from right to left",
    licence="LGPL-2.1-or-later",
    homepage="https://github.com/fribidi/fribidi",
    build=meson("docs=false", "tests=false"),
    programs=("fribidi",),
    upstream=("meson configure -Dtests=true", "meson test"),
    seconds=50,
)
