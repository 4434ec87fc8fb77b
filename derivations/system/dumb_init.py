"""The first process of a container."""

from derivations.kit import Recipe, debian, makefile

DUMB_INIT = Recipe(
    source=debian(
        "d/dumb-init/dumb-init_1.2.5.orig.tar.gz",
        "3eda470d8a4a89123f4516d26877a727c0945006c8830b7e3bad717a5f6efc4e",
    ),
    description="Passes signals on and collects ended processes, as a container's first process",
    licence="MIT",
    homepage="https://github.com/Yelp/dumb-init",
    build=makefile(
        'CFLAGS="-std=gnu99 $CFLAGS $LDFLAGS"',
        install="build",
        finish=('mkdir -p "$out/bin"', 'cp /build/src/dumb-init "$out/bin/"'),
    ),
    programs=("dumb-init",),
    check=('test "$("$out/bin/dumb-init" echo yes)" = yes',),
    seconds=5,
)
