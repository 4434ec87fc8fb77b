"""The kind of a file, found in its content."""

from derivations.kit import Recipe, autotools, debian

FILE = Recipe(
    source=debian(
        "f/file/file_5.46.orig.tar.gz",
        "c9cc77c7c560c543135edc555af609d5619dbef011997e988ce40a3d75d86088",
    ),
    description="Tells the kind of a file by its content",
    licence="BSD-2-Clause",
    homepage="https://www.darwinsys.com/file/",
    needs=("zlib",),
    build=autotools(
        "--disable-shared --enable-static --disable-libseccomp --enable-zlib",
        "--disable-bzlib --disable-xzlib --disable-zstdlib --disable-lzlib --disable-lrziplib",
    ),
    programs=("file",),
    check=('"$out/bin/file" -b - < "$out/bin/file" | grep -q \'^ELF 64-bit\'',),
    waive=(("paths", "its rules name a folder called so"),),
    upstream=("make check",),
    seconds=40,
)
