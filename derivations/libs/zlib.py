"""The compression library that everything uses."""

from derivations.kit import Recipe, configure, debian

ZLIB = Recipe(
    source=debian(
        "z/zlib/zlib_1.3.dfsg+really1.3.1.orig.tar.gz",
        "60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb",
    ),
    description="The compression library that everything uses",
    licence="Zlib",
    homepage="https://zlib.net/",
    # With -s from the stage, the Makefile would strip the archive.
    build=configure("--static", env={"LDFLAGS": ""}),
    upstream=("make -C /build/src test",),
    seconds=10,
)
