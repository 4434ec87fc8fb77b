"""Makes and unpacks compressed read-only file systems."""

from derivations.kit import Recipe, debian, phase, phases

SQUASHFS_TOOLS = Recipe(
    source=debian(
        "s/squashfs-tools/squashfs-tools_4.6.1.orig.tar.gz",
        "94201754b36121a9f022a190c75f718441df15402df32c2b520ca331a107511c",
        name="squashfs-tools",
    ),
    description="Makes and unpacks compressed read-only file systems",
    licence="GPL-2.0-or-later",
    homepage="https://github.com/plougher/squashfs-tools",
    needs=("lz4", "xz", "zlib", "zstd"),
    # Words for make would hide the flags that it adds to those of the environment.
    in_tree=True,
    build=phases(
        phase(
            "build",
            "make -C /build/src/squashfs-tools XZ_SUPPORT=1 LZ4_SUPPORT=1 ZSTD_SUPPORT=1",
        ),
        phase(
            "install",
            "cd /build/src/squashfs-tools",
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp mksquashfs unsquashfs "$out/bin/"',
            'ln -s mksquashfs "$out/bin/sqfstar"',
            'ln -s unsquashfs "$out/bin/sqfscat"',
            'cp ../manpages/*.1 "$out/share/man/man1/"',
        ),
    ),
    programs=("mksquashfs -version", "unsquashfs -version"),
    check=(
        "mkdir from",
        "echo yes > from/it",
        '"$out/bin/mksquashfs" from image -quiet -comp zstd',
        'test "$("$out/bin/sqfscat" image it)" = yes',
    ),
    waive=(("paths", "its manuals tell of a folder called so"),),
    seconds=60,
)
