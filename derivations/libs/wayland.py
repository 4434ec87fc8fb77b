"""The protocol of displays."""

from derivations.kit import Recipe, debian, meson

WAYLAND = Recipe(
    source=debian(
        "w/wayland/wayland_1.23.1.orig.tar.gz",
        "158ec49af498f2558c7fbf7e8b070d010d4e270cc6076003a18a6c813f87e244",
    ),
    description="The protocol between a display and the programs that draw on it",
    licence="MIT",
    homepage="https://wayland.freedesktop.org/",
    needs=("expat", "libffi"),
    build=meson(
        "tests=false",
        "documentation=false",
        "dtd_validation=false",
        finish=(
            # A tool is found on $PATH; beside the libraries that are needed there are none.
            "sed -i 's|^wayland_scanner=.*|wayland_scanner=wayland-scanner|'"
            ' "$out/lib/pkgconfig/wayland-scanner.pc"',
        ),
    ),
    programs=("wayland-scanner",),
    upstream=("meson configure -Dtests=true", "ninja", "meson test"),
    seconds=15,
)
