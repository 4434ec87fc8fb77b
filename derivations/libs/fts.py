"""Walks through a tree of files."""

from derivations.kit import Recipe, phase, phases
from derivations.system.mandoc import MANDOC

# musl has none of these functions. Those of OpenBSD come with mandoc, as files of their own.
FTS = Recipe(
    name="fts",
    source=MANDOC.source,
    description="Walks through a tree of files, as BSD's C library does",
    licence="BSD-3-Clause AND ISC",
    homepage="https://mandoc.bsd.lv/",
    files=(
        ("config.h", "#define _GNU_SOURCE\n#include <stddef.h>\n#include <unistd.h>\n"),
        (
            "fts.c",
            '#include "config.h"\n'
            "#define recallocarray fts_recallocarray\n"
            "void *recallocarray(void *, size_t, size_t, size_t);\n"
            '#include "compat_recallocarray.c"\n#include "compat_fts.c"\n',
        ),
    ),
    build=phases(
        phase(
            "build",
            "$CC $CFLAGS -I/build -I/build/src -c -o fts.o /build/fts.c",
            "$AR rcs libfts.a fts.o",
        ),
        phase(
            "install",
            'mkdir -p "$out/include" "$out/lib"',
            'cp /build/src/compat_fts.h "$out/include/fts.h"',
            'cp libfts.a "$out/lib/"',
        ),
    ),
    check=(
        "mkdir tree",
        "echo '#include <sys/types.h>\n#include <sys/stat.h>\n#include <fts.h>\n"
        "#include <stdlib.h>\n"
        'int main(void) { char *paths[] = {"tree", NULL}; FTS *fts = fts_open(paths, FTS_PHYSICAL,'
        " NULL); return fts_read(fts)->fts_info != FTS_D; }' > walk.c",
        '$CC -I"$out/include" walk.c -L"$out/lib" -lfts -o walk',
        "./walk",
    ),
    licences=("compat_fts.c", "compat_recallocarray.c"),
    seconds=5,
)
