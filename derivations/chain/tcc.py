"""tcc by tcc: first by the seed's, which runs the patched source in memory, then by itself."""

from __future__ import annotations

from derivations import musl, tcc
from derivations.chain.musl_by_tcc import HEADERS, INSTALL_HEADERS, MUSL_BY_TCC
from derivations.chain.texts import patch
from derivations.kit import Phase, Recipe, phase, phases, variant

PATCH = patch("tcc-aliases.patch")

_HELLO = """\
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
"""

_PREPARE = (
    "cd /build/tcc",
    "patch -p1 -i ../tcc-aliases.patch",
    """echo '#define TCC_VERSION "0.9.27"' > config.h""",
)

# The names that builds look for; tcc makes static programs, and its linker reads no scripts.
_CC = '#!/bin/sh\nexec "${0%/*}/tcc" -static "$@"\n'
_AR = '#!/bin/sh\nexec "${0%/*}/tcc" -ar "$@"\n'

TCC = Recipe(
    name="chain-tcc",
    version=tcc.SOURCE.version,
    description="A small C compiler, compiled by itself",
    licence="LGPL-2.1-or-later",
    homepage="https://bellard.org/tcc/",
    seconds=2,
    source=tcc.SOURCE,
    runs=("libc",),
    files=(
        PATCH,
        ("hello.c", _HELLO),
        ("cc", 'exec tcc "$@"\n'),
        ("cc.sh", _CC),
        ("ar.sh", _AR),
    ),
    build=phases(
        phase("patch", 'cp -r "$source" /build/tcc', "chmod -R u+w /build/tcc", *_PREPARE),
        phase(
            "build",
            'mkdir -p "$out/bin" "$out/lib/tcc"',
            'cp -r /build/tcc/include "$out/lib/tcc/"',
            'compile="sh ../cc -nostdinc -I/build/tcc/include -I$libc/include -I/build/tcc"',
            "for name in libtcc1.c va_list.c alloca86_64.S alloca86_64-bt.S;"
            ' do $compile -c /build/tcc/lib/$name -o "${name%.*}.o"; done',
            'sh ../cc -ar rcs "$out/lib/tcc/libtcc1.a"'
            " libtcc1.o va_list.o alloca86_64.o alloca86_64-bt.o",
            "$compile -DTCC_TARGET_X86_64=1 -DTCC_MUSL=1 -DONE_SOURCE=1"
            ' -DCONFIG_TCCDIR="\\"$out/lib/tcc\\""'
            ' -DCONFIG_TCC_SYSINCLUDEPATHS="\\"{B}/include:$libc/include\\""'
            ' -DCONFIG_TCC_LIBPATHS="\\"$libc/lib:{B}\\""'
            ' -DCONFIG_TCC_CRTPREFIX="\\"$libc/lib\\""'
            ' -DCONFIG_TCC_ELFINTERP="\\"/no-loader\\"" -c /build/tcc/tcc.c -o tcc.o',
            'sh ../cc -static -nostdlib -o "$out/bin/tcc" "$libc/lib/crt1.o" "$libc/lib/crti.o"'
            ' tcc.o "$libc/lib/libc.a" "$out/lib/tcc/libtcc1.a" "$libc/lib/libc.a"'
            ' "$libc/lib/crtn.o"',
            'cp ../cc.sh "$out/bin/cc"',
            'cp ../ar.sh "$out/bin/ar"',
            "printf '#!/bin/sh\\nexit 0\\n' > \"$out/bin/ranlib\"",
            'chmod 755 "$out/bin/"*',
        ),
        tools=("cc",),
    ),
    check=('"$out/bin/cc" -o hello ../hello.c', 'test "$(./hello)" = hello'),
)

# The seed's tcc makes no use of a tcc library or crt: it compiles the patched source of
# tcc each time into its own memory, and that compiles. The headers are musl's, the functions those
# of the C library that runs the seed's tcc: musl's types are the same where tcc's source has any.
_IN_MEMORY = """\
exec tcc -nostdinc -I/build/tcc/include -I/build/headers/include -L/build/lib \\
    -DTCC_TARGET_X86_64=1 -DTCC_MUSL=1 -DONE_SOURCE=1 -DCONFIG_TCCDIR='"/build/tcc"' \\
    -I/build/tcc -lm -run /build/tcc/tcc.c "$@"
"""

_MEMORY = phase(
    "compiler",
    'cp -r "$tcc_source" /build/tcc',
    "chmod -R u+w /build/tcc",
    *_PREPARE,
    'cp -r "$musl_source" /build/musl',
    "chmod -R u+w /build/musl",
    "cd /build/musl",
    *HEADERS,
    *(line.replace('"$out/', '"/build/headers/') for line in INSTALL_HEADERS),
    "mkdir /build/lib",
    "for name in c m; do ln -s /lib/x86_64-linux-gnu/lib$name.so.6 /build/lib/lib$name.so; done",
)


def _files(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    return tuple((dict(recipe.files) | {"cc": _IN_MEMORY} | dict((PATCH,))).items())


def _steps(recipe: Recipe, *left_out: str) -> tuple[Phase, ...]:
    return tuple(step for step in recipe.build.phases if step.name not in left_out)


MUSL_BY_SEED = variant(
    MUSL_BY_TCC,
    extra_sources=(tcc.SOURCE,),
    files=_files(MUSL_BY_TCC),
    build=phases(_MEMORY, *_steps(MUSL_BY_TCC), tools=("cc",)),
)

TCC_BY_SEED = variant(
    TCC,
    extra_sources=(musl.SOURCE,),
    files=_files(TCC),
    build=phases(_MEMORY, *_steps(TCC, "patch"), tools=("cc",)),
)
