"""Burrows-Wheeler compression."""

from derivations.kit import Recipe, debian, phase, phases

SOURCE = debian(
    "b/bzip2/bzip2_1.0.8.orig.tar.gz",
    "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269",
)

BZIP2 = Recipe(
    description="Burrows-Wheeler compression",
    licence="bzip2-1.0.6",
    homepage="https://sourceware.org/bzip2/",
    seconds=5,
    source=SOURCE,
    programs=("bzip2",),
    in_tree=True,
    build=phases(
        phase(
            "build",
            # Not "all": it goes on to the tests.
            'make -C /build/src CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS=-O2 LDFLAGS="$LDFLAGS"'
            " libbz2.a bzip2 bzip2recover",
        ),
        phase(
            "install",
            'make -C /build/src PREFIX="$out" install',
            'rm -rf "$out/man"',
            # The Makefile links these by absolute paths.
            'ln -sf bzdiff "$out/bin/bzcmp"',
            'ln -sf bzgrep "$out/bin/bzegrep"',
            'ln -sf bzgrep "$out/bin/bzfgrep"',
            'ln -sf bzmore "$out/bin/bzless"',
        ),
    ),
    check=(
        "seq 1000 > numbers",
        '"$out/bin/bzip2" -k numbers',
        '"$out/bin/bzip2" -dc numbers.bz2 | cmp - numbers',
    ),
)
