"""Reads keyboards, mice and the like."""

from derivations.kit import Recipe, debian, meson

LIBEVDEV = Recipe(
    source=debian(
        "libe/libevdev/libevdev_1.13.4+dfsg.orig.tar.xz",
        "be3456ab8289e53c9f13b6dfef10349b4f551f5d365cb58b7dd29d42488cd897",
    ),
    description="Reads keyboards, mice and other devices, as the kernel shows their events",
    licence="MIT",
    homepage="https://www.freedesktop.org/wiki/Software/libevdev/",
    build=meson("tests=disabled", "documentation=disabled"),
    programs=("libevdev-tweak-device", "mouse-dpi-tool", "touchpad-edge-detector"),
    waive=(("version", "they say none"),),
    seconds=20,
)
