"""Input and output by rings shared with the kernel."""

from derivations.kit import Recipe, configure, debian

LIBURING = Recipe(
    source=debian(
        "libu/liburing/liburing_2.9.orig.tar.gz",
        "57e9b36e4ac1e46b8e0351dfb1694dc59638fc25e384b4ba36d87b800b16db1a",
    ),
    description="Input and output by rings shared with the kernel",
    licence="LGPL-2.1-only OR MIT",
    homepage="https://github.com/axboe/liburing",
    build=configure(
        '--cc="$CC"',
        build="-C src ENABLE_SHARED=0",
        install="ENABLE_SHARED=0 install",
    ),
    seconds=15,
)
