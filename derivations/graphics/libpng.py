"""Reads and writes PNG."""

from derivations.kit import Recipe, autotools, debian

LIBPNG = Recipe(
    # Of the next release: the stable one has its security patches in a file that is not served.
    source=debian(
        "libp/libpng1.6/libpng1.6_1.6.58.orig.tar.gz",
        "a9d4df463d36a6e5f9c29bd6f4967312d17e996c1854f3511f833924eb1993cf",
        name="libpng",
    ),
    description="Reads and writes images in the format PNG",
    licence="libpng-2.0",
    homepage="http://www.libpng.org/pub/png/libpng.html",
    needs=("zlib",),
    build=autotools("--disable-shared --disable-tests"),
    programs=("pngfix", "png-fix-itxt"),
    waive=(("version", "its two programs say none"),),
    check=(
        "echo '#include <png.h>\nint main(void) { return png_access_version_number() != 10658; }'"
        " > a.c",
        "$CC a.c -o a $(pkg-config --cflags --libs libpng)",
        "./a",
    ),
    upstream=("/build/src/configure --disable-shared", "make check"),
    seconds=80,
)
