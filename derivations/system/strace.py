"""A program's calls of the kernel."""

from derivations.kit import Recipe, autotools, debian

STRACE = Recipe(
    source=debian(
        "s/strace/strace_6.1.orig.tar.xz",
        "2579e9cec37dbb786f6ea0bebd15f40dd561ef2bde2a2a2ecdce5963b01859fd",
    ),
    description="Shows which calls of the kernel a program makes",
    licence="LGPL-2.1-or-later",
    homepage="https://strace.io/",
    # It knows the kernel's headers of its time, which it brings along.
    build=autotools(
        "--enable-bundled=yes --enable-mpers=no --disable-gcc-Werror",
        "--without-libunwind --without-libdw",
    ),
    programs=("strace -V",),
    seconds=120,
)
