"""JavaScript to be put into programs."""

from derivations.kit import Recipe, debian, makefile

MUJS = Recipe(
    source=debian(
        "m/mujs/mujs_1.3.6.orig.tar.xz",
        "d52501cd9539e37ef95e8494323da25c7d10d3738cd95757cf71d248447dafa9",
    ),
    description="A small JavaScript to be put into programs",
    licence="ISC",
    homepage="https://mujs.com/",
    build=makefile(
        'VERSION=1.3.6 HAVE_READLINE=no READLINE_CFLAGS= READLINE_LIBS= CFLAGS="$CFLAGS -s"',
        build="build/release/mujs build/release/mujs-pp",
        install="install-static",
    ),
    programs=("mujs", "mujs-pp"),
    check=(
        "echo 'print(6 * 7)' > it.js",
        'test "$("$out/bin/mujs" it.js)" = 42',
    ),
    waive=(("version", "its programs say none"),),
    seconds=15,
)
