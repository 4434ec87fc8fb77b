"""Speaks with the kernel about displays."""

from derivations.kit import Recipe, debian, meson

LIBDRM = Recipe(
    source=debian(
        "libd/libdrm/libdrm_2.4.124.orig.tar.xz",
        "ac36293f61ca4aafaf4b16a2a7afff312aa4f5c37c9fbd797de9e3c0863ca379",
    ),
    description="Speaks with the kernel about displays and the memory of graphics cards",
    licence="MIT",
    homepage="https://dri.freedesktop.org/",
    build=meson(
        "intel=disabled",
        "amdgpu=disabled",
        "cairo-tests=disabled",
        "man-pages=disabled",
        "valgrind=disabled",
        "tests=false",
    ),
    licences=("xf86drm.h",),
    seconds=40,
)
