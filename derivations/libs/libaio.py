"""Input and output that programs do not wait for."""

from derivations.kit import Recipe, debian, makefile

LIBAIO = Recipe(
    source=debian(
        "liba/libaio/libaio_0.3.113.orig.tar.gz",
        "2c44d1c5fd0d43752287c9ae1eb9c023f04ef848ea8d4aafa46e9aedb678200b",
    ),
    description="Input and output that programs do not wait for",
    licence="LGPL-2.1-or-later",
    homepage="https://pagure.io/libaio",
    build=makefile("ENABLE_SHARED=0", 'CFLAGS="$CFLAGS -I."'),
    seconds=5,
)
