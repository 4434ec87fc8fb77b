"""The C library."""

from derivations.kit import Recipe, debian, phase, phases

SOURCE = debian(
    "m/musl/musl_1.2.5.orig.tar.gz",
    "a9a118bbe84d8764da0ea0d28b3ab3fae8477fc7e4085d90102b8596fc7c75e4",
)

MUSL = Recipe(
    description="The C library, with the kernel's headers beside its own: a whole sysroot",
    licence="MIT",
    homepage="https://musl.libc.org/",
    seconds=60,
    source=SOURCE,
    runs=("kernel-headers",),
    # Its Makefile copies a file of the source and appends to the copy, which is read-only then.
    in_tree=True,
    # musl's configure knows what it wants, and -s would take the symbols out of its start files.
    env=(("LDFLAGS", ""),),
    build=phases(
        phase(
            "configure",
            '/build/src/configure --prefix="$out" --syslibdir="$out/lib" --disable-shared'
            " --disable-wrapper",
        ),
        phase("build", "make"),
        phase(
            "install",
            "make install",
            # musl has a folder scsi of its own, with what programs use.
            'for folder in "$kernel_headers"/include/*;'
            ' do test -e "$out/include/${folder##*/}" || ln -s "$folder" "$out/include/"; done',
        ),
    ),
    check=(
        "printf '#include <stdio.h>\\n#include <linux/limits.h>\\n#include <limits.h>\\n"
        'int main(void) { return printf("%%d\\\\n", PATH_MAX) != 5; }\\n\' > check.c',
        'gcc -nostdinc -isystem "$out/include" -c check.c',
        # Against this very library, not the compiler's; libgcc has nothing that this needs.
        'gcc -static -nostdlib -o check "$out/lib/crt1.o" check.o "$out/lib/libc.a"',
        'test "$(./check)" = 4096',
    ),
)
