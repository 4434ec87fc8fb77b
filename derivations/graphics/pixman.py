"""Draws with pixels."""

from derivations.kit import Recipe, debian, meson

PIXMAN = Recipe(
    source=debian(
        "p/pixman/pixman_0.44.0.orig.tar.gz",
        "89a4c1e1e45e0b23dffe708202cb2eaffde0fe3727d7692b2e1739fec78a7dac",
    ),
    description="Combines images of pixels, with the processor's wide instructions",
    licence="MIT",
    homepage="https://pixman.org/",
    build=meson("tests=disabled", "demos=disabled", "gtk=disabled", "libpng=disabled"),
    seconds=60,
)
