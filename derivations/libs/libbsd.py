"""Functions that BSD has in its C library."""

from derivations.kit import Recipe, autotools, debian

LIBBSD = Recipe(
    source=debian(
        "libb/libbsd/libbsd_0.12.2.orig.tar.xz",
        "b88cc9163d0c652aaf39a99991d974ddba1c3a9711db8f1b5838af2a14731014",
    ),
    description="Functions that BSD has in its C library",
    licence="BSD-3-Clause AND BSD-2-Clause AND ISC AND Beerware",
    homepage="https://libbsd.freedesktop.org/",
    # The libbsd.so is a script for the linker, for programs that are not static.
    build=autotools("--disable-shared", finish=('rm "$out/lib/libbsd.so"',)),
    needs=("libmd",),
    upstream=("make check LDFLAGS=-static",),
    seconds=25,
)
