"""The C library again, by gcc: whole, and with its own build system."""

from __future__ import annotations

from derivations import musl
from derivations.chain.texts import patch
from derivations.kit import Recipe, phase, phases

PATCH = patch("musl-gcc3.patch")

MUSL_BY_GCC = Recipe(
    name="chain-musl-gcc3",
    version=musl.SOURCE.version,
    description="The C library, compiled by gcc 3.4.6",
    licence="MIT",
    homepage="https://musl.libc.org/",
    seconds=60,
    source=musl.SOURCE,
    runs=("binutils",),
    in_tree=True,
    files=(PATCH,),
    build=phases(
        phase("patch", "cd /build/src", "patch -p1 -i ../musl-gcc3.patch"),
        phase(
            "configure",
            '/build/src/configure --prefix="$out" --syslibdir="$out/lib" --disable-shared'
            ' --disable-wrapper --build=x86_64-linux-musl CC=cc AR="$binutils/bin/ar"'
            ' RANLIB="$binutils/bin/ranlib" LDFLAGS=',
        ),
        phase("build", "make"),
        phase("install", "make install"),
    ),
    check=(
        "printf '#include <stdio.h>\\n#include <complex.h>\\n#include <fenv.h>\\n"
        'int main(void) { fesetround(FE_UPWARD); return printf("%%.2f\\\\n", cabs(3 + 4 * I)) != 5;'
        " }\\n' > check.c",
        'cc -nostdinc -isystem "$out/include" -c check.c',
        'cc -static -nostdlib -o check "$out/lib/crt1.o" check.o "$out/lib/libc.a" -lgcc',
        'test "$(./check)" = 5.00',
    ),
)
