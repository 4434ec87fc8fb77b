"""Finds where C code defines and uses a name."""

from derivations.kit import Recipe, autotools, debian

CSCOPE = Recipe(
    source=debian(
        "c/cscope/cscope_15.9.orig.tar.xz",
        "e8bc6cd29bb90e1eb7447a23a2a419f719ab8fe96dd10f6e289accdb428d2a1f",
    ),
    description="Finds where C code defines and uses a name",
    licence="BSD-3-Clause",
    homepage="https://cscope.sourceforge.net/",
    needs=("ncurses",),
    tools=("bison", "flex"),
    build=autotools("--with-ncurses=/build/needs"),
    programs=("cscope -V",),
    check=(
        "echo 'int it(void) { return 1; }' > it.c",
        '"$out/bin/cscope" -b it.c',
        '"$out/bin/cscope" -d -L1 it | grep it.c',
    ),
    seconds=30,
)
