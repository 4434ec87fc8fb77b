"""A small Tcl."""

from derivations.kit import Recipe, configure, debian

JIMTCL = Recipe(
    source=debian(
        "j/jimtcl/jimtcl_0.83.orig.tar.gz",
        "6f2df00009f5ac4ad654c1ae1d2f8ed18191de38d1f5a88a54ea99cc16936686",
    ),
    description="A small Tcl",
    licence="BSD-2-Clause",
    homepage="https://jim.tcl.tk/",
    build=configure(
        "--full --disable-docs --without-ext=zlib",
        # A program for extensions, which a static program cannot load; and a debugger by env.
        finish=('rm "$out/bin/build-jim-ext" "$out/bin/jimdb"',),
    ),
    programs=("jimsh",),
    check=("""test "$(echo 'puts [expr {6 * 7}]' | "$out/bin/jimsh" -)" = 42""",),
    upstream=("make -C /build/src test",),
    upstream_tools=("hostname",),
    seconds=40,
)
