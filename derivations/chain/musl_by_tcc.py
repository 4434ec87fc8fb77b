"""The C library, compiled by tcc with nothing but a shell: there is no make yet."""

from __future__ import annotations

from derivations import musl
from derivations.chain.texts import patch
from derivations.kit import Recipe, phase, phases

PATCH = patch("musl-tcc.patch")

# Complex numbers are not C that tcc knows. It takes no assembly within C but of the simplest form,
# so the functions of math that are written so are those in C. Its assembler lacks instructions
# of fenv.s.
_BUILD = """\
compile="sh /build/cc -nostdinc -D_XOPEN_SOURCE=700"
for each in arch/x86_64 arch/generic obj/src/internal src/include src/internal obj/include include
do
    compile="$compile -I/build/src/$each"
done
objects=
for folder in src/*/ src/malloc/mallocng/
do
    case $folder in src/complex/ | src/include/) continue ;; esac
    sources=
    for file in $folder*.c
    do
        name=${file##*/}
        if test $folder != src/fenv/ && test -f ${folder}x86_64/${name%.c}.s
        then file=${folder}x86_64/${name%.c}.s
        fi
        if test -f $file; then sources="$sources /build/src/$file"; fi
    done
    if test $folder != src/fenv/
    then
        for file in ${folder}x86_64/*.s
        do
            name=${file##*/}
            if test -f $file && ! test -f $folder${name%.s}.c
            then sources="$sources /build/src/$file"
            fi
        done
    fi
    test -n "$sources" || continue
    mkdir -p /build/obj/$folder
    (cd /build/obj/$folder; $compile -c $sources)
    for file in $sources
    do
        name=${file##*/}
        objects="$objects /build/obj/$folder${name%.*}.o"
    done
done
for name in crt1 Scrt1 rcrt1
do $compile -DCRT -c crt/$name.c -o "$out/lib/$name.o"
done
for name in crti crtn
do $compile -DCRT -c crt/x86_64/$name.s -o "$out/lib/$name.o"
done
sh /build/cc -ar rcs "$out/lib/libc.a" $objects
for name in m rt pthread crypt util xnet resolv dl
do printf '!<arch>\\n' > "$out/lib/lib$name.a"
done
"""

HEADERS = (
    "mkdir -p obj/include/bits obj/src/internal",
    "sed -f tools/mkalltypes.sed arch/x86_64/bits/alltypes.h.in include/alltypes.h.in"
    " > obj/include/bits/alltypes.h",
    "cp arch/x86_64/bits/syscall.h.in obj/include/bits/syscall.h",
    "sed -n -e s/__NR_/SYS_/p arch/x86_64/bits/syscall.h.in >> obj/include/bits/syscall.h",
    """echo '#define VERSION "1.2.5"' > obj/src/internal/version.h""",
)

INSTALL_HEADERS = (
    'mkdir -p "$out/lib"',
    'cp -r include "$out/include"',
    'rm "$out/include/alltypes.h.in"',
    'mkdir -p "$out/include/bits"',
    # One after the other: some of the machine's take the place of a general one.
    "for folder in arch/generic/bits arch/x86_64/bits obj/include/bits;"
    ' do cp $folder/*.h "$out/include/bits/"; done',
)

MUSL_BY_TCC = Recipe(
    name="chain-musl",
    version=musl.SOURCE.version,
    description="The C library, compiled by tcc",
    licence="MIT",
    homepage="https://musl.libc.org/",
    seconds=10,
    source=musl.SOURCE,
    in_tree=True,
    files=(PATCH, ("compile", _BUILD), ("cc", 'exec tcc "$@"\n')),
    build=phases(
        phase("patch", "cd /build/src", "patch -p1 -i ../musl-tcc.patch", *HEADERS),
        phase("build", "cd /build/src", *INSTALL_HEADERS, ". /build/compile"),
        tools=("cc",),
    ),
    check=(
        # Without what needs a helper of tcc's own library: it comes next.
        "printf '#include <stdlib.h>\\n#include <string.h>\\nint main(int n, char **p) {"
        ' return strlen(*p) + strtol("0x4", 0, 0) - 11; }\\n\' > check.c',
        'sh ../cc -nostdinc -I"$out/include" -c check.c -o check.o',
        'sh ../cc -static -nostdlib -o check "$out/lib/crt1.o" check.o "$out/lib/libc.a"',
        "./check",
    ),
)
