"""Meanings of keys."""

from derivations.kit import Recipe, debian, meson

LIBXKBCOMMON = Recipe(
    source=debian(
        "libx/libxkbcommon/libxkbcommon_1.5.0.orig.tar.xz",
        "560f11c4bbbca10f495f3ef7d3a6aa4ca62b4f8fb0b52e7d459d18a26e46e017",
    ),
    description="Knows what a key means, in each layout of keyboards",
    licence="MIT",
    homepage="https://xkbcommon.org/",
    tools=("bison",),
    build=meson(
        "enable-x11=false",
        "enable-wayland=false",
        "enable-docs=false",
        "enable-xkbregistry=false",
        "xkb-config-root=/share/X11/xkb",
        "xkb-config-extra-path=/etc/xkb",
        "x-locale-root=/share/X11/locale",
    ),
    programs=("xkbcli",),
    upstream=("meson test",),
    seconds=100,
)
