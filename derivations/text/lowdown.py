"""Markdown."""

from derivations.kit import Recipe, debian, phase, phases

LOWDOWN = Recipe(
    source=debian(
        "l/lowdown/lowdown_2.0.2.orig.tar.gz",
        "d59f2ad82f981a63051bb61d8d04c02c8c49428ac29c435dff03a92e210b0004",
    ),
    description="Turns Markdown into manuals, web pages and text for the terminal",
    licence="ISC",
    homepage="https://kristaps.bsd.lv/lowdown/",
    in_tree=True,
    # Its configure script takes no options but variables.
    build=phases(
        phase(
            "configure",
            "cd /build/src",
            # Conditions of another make, on what another system has.
            "sed -i '/^.ifdef/,/^.endif/d; /^.endif/d' Makefile",
            './configure PREFIX="$out" MANDIR="$out/share/man" LDFLAGS="$LDFLAGS"',
        ),
        phase("build", "make -C /build/src bins lowdown.pc liblowdown.a"),
        phase("install", "make -C /build/src install install_static"),
    ),
    programs=("lowdown --version",),
    check=("echo '*yes*' | \"$out/bin/lowdown\" | grep -q '<em>yes</em>'",),
    # It shows differences, but make ends well with them.
    upstream=(
        "make -C /build/src regress > regress.log",
        "cat regress.log",
        "if grep '^[-+]' regress.log; then exit 1; fi",
    ),
    seconds=20,
)
