"""Waits for files, timers and processes."""

from derivations.kit import Recipe, autotools, debian

LIBEV = Recipe(
    source=debian(
        "libe/libev/libev_4.33.orig.tar.gz",
        "507eb7b8d1015fbec5b935f34ebed15bf346bed04a11ab82b8eee848c4205aea",
    ),
    description="Waits for files, timers and processes",
    licence="BSD-2-Clause OR GPL-2.0-or-later",
    homepage="http://software.schmorp.de/pkg/libev.html",
    build=autotools("--disable-shared"),
    seconds=20,
)
