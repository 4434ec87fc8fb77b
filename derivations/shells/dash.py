"""A small and quick POSIX shell."""

from derivations.kit import Recipe, autotools, debian

DASH = Recipe(
    source=debian(
        "d/dash/dash_0.5.12.orig.tar.gz",
        "6a474ac46e8b0b32916c4c60df694c82058d3297d8b385b74508030ca4a8f28a",
    ),
    description="A small and quick shell that does what POSIX asks",
    licence="BSD-3-Clause",
    homepage="http://gondor.apana.org.au/~herbert/dash/",
    build=autotools("--enable-static"),
    programs=("dash",),
    check=("""test "$("$out/bin/dash" -c 'echo $((6 * 7))')" = 42""",),
    waive=(("version", "says none"),),
    seconds=30,
)
