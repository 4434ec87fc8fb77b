"""Waits for files, sockets and timers, on every system."""

from derivations.kit import Recipe, autotools, debian

LIBUV = Recipe(
    source=debian(
        "libu/libuv1/libuv1_1.50.0.orig.tar.gz",
        "ec9de6ecf2a780fd2afb3b007947d2cd57c3bb17f3b9e721a66774980d35cd4d",
        name="libuv",
    ),
    description="Waits for files, sockets and timers, on every system",
    licence="MIT AND CC-BY-4.0",
    homepage="https://libuv.org/",
    patches=("libuv-automake-flags.patch",),
    build=autotools("--disable-shared", reconf=True),
    seconds=40,
)
