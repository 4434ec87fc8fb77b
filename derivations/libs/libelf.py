"""Reads and writes ELF files."""

from derivations.kit import Recipe, debian, phase, phases

# What elfutils' configure would find out. It is not run: it asks for argp, fts and obstack, which
# other parts of elfutils use, and this library does not.
_CONFIG = """\
#define HAVE_DECL_POWEROF2 1
#define HAVE_DECL_REALLOCARRAY 1
#define HAVE_ERR_H 1
#define HAVE_GCC_STRUCT 1
#define HAVE_VISIBILITY 1
#define STDC_HEADERS 1
#define _GNU_SOURCE 1
#include "eu-config.h"
"""

_PC = """\
prefix=@out@
libdir=${prefix}/lib
includedir=${prefix}/include

Name: libelf
Description: Reads and writes ELF files
Version: @version@
Libs: -L${libdir} -lelf
Cflags: -I${includedir}
Requires.private: zlib
"""

LIBELF = Recipe(
    source=debian(
        "e/elfutils/elfutils_0.192.orig.tar.bz2",
        "616099beae24aba11f9b63d86ca6cc8d566d968b802391334c91df54eab416b4",
        name="libelf",
    ),
    description="Reads and writes ELF files",
    licence="GPL-2.0-or-later OR LGPL-3.0-or-later",
    homepage="https://sourceware.org/elfutils/",
    needs=("zlib",),
    files=(("config.h", _CONFIG), ("libelf.pc", _PC)),
    build=phases(
        phase(
            "build",
            "cat > rules <<'END'\n"
            "vpath %.c /build/src/libelf /build/src/lib\n"
            "objects = $(patsubst %.c,%.o,$(notdir $(wildcard /build/src/libelf/*.c)))"
            " eu-search.o\n"
            "libelf.a: $(objects)\n"
            "\t$(AR) rcs $@ $^\n"
            "%.o: %.c\n"
            "\t$(CC) $(CFLAGS) -DHAVE_CONFIG_H -I/build -I/build/src/lib"
            " -I/build/src/libelf -c -o $@ $<\n"
            "END",
            "make -f rules",
        ),
        phase(
            "install",
            'mkdir -p "$out/lib/pkgconfig" "$out/include/elfutils"',
            'cp libelf.a "$out/lib/"',
            "cd /build/src",
            'cp libelf/libelf.h libelf/gelf.h libelf/nlist.h libelf/elf.h "$out/include/"',
            'cp libelf/elf-knowledge.h "$out/include/elfutils/"',
            'sed "s|@out@|$out|; s|@version@|0.192|" /build/libelf.pc'
            ' > "$out/lib/pkgconfig/libelf.pc"',
        ),
    ),
    check=(
        "printf '#include <stdio.h>\\n#include <fcntl.h>\\n#include <gelf.h>\\n"
        "int main(int argc, char **argv) { size_t n; elf_version(EV_CURRENT);"
        " Elf *elf = elf_begin(open(argv[argc - 1], O_RDONLY), ELF_C_READ, 0);"
        ' return elf_getshdrnum(elf, &n) || printf("%%zu\\\\n", n) < 2; }\\n\' > count.c',
        "$CC $CFLAGS -o count count.c $(pkg-config --cflags --libs libelf)",
        "readelf -h count | sed -n 's/.*Number of section headers: *//p' > sections",
        "./count count | cmp - sections",
    ),
    seconds=10,
)
