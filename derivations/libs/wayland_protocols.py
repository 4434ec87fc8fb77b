"""More of the protocol of displays."""

from derivations.kit import Recipe, debian, meson

WAYLAND_PROTOCOLS = Recipe(
    source=debian(
        "w/wayland-protocols/wayland-protocols_1.44.orig.tar.xz",
        "3df1107ecf8bfd6ee878aeca5d3b7afd81248a48031e14caf6ae01f14eebb50e",
    ),
    description="Protocols beyond wayland's own: windows, tablets, pointers and the like",
    licence="MIT",
    homepage="https://gitlab.freedesktop.org/wayland/wayland-protocols",
    needs=("wayland",),
    tools=("wayland",),
    build=meson("tests=false"),
    check=(
        "xml=/build/needs/share/wayland-protocols/stable/xdg-shell/xdg-shell.xml",
        'wayland-scanner client-header "$xml" xdg-shell.h',
        "echo '#include \"xdg-shell.h\"' > a.c",
        "$CC -I. -c a.c $(pkg-config --cflags wayland-client)",
    ),
    seconds=10,
)
