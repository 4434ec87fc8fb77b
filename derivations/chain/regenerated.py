"""Files that a program wrote, written again by the chain and compared.

Only what the chain can run takes part: the generators that binutils brings as C. Whatever wants
bison, flex, gperf, autoconf or Unicode's tables stays trusted. It is a package and no part of the
chain, as the files come out as they were.
"""

from __future__ import annotations

from derivations.chain.binutils import SOURCE
from derivations.kit import Recipe, phase, phases

FILES = (
    "bfd/bfd-in2.h",
    "bfd/libbfd.h",
    "bfd/libcoff.h",
    "opcodes/i386-init.h",
    "opcodes/i386-tbl.h",
)

_CONFIGURE = (
    "configure --build=x86_64-linux-musl --host=x86_64-linux-musl --disable-nls"
    " --disable-dependency-tracking"
)

REGENERATED = Recipe(
    name="chain-regenerated",
    version=SOURCE.version,
    description="Tables of binutils that the chain has written again: they are the same",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/binutils/",
    source=SOURCE,
    in_tree=True,
    seconds=30,
    tools=("binutils",),
    build=phases(
        phase(
            "configure",
            "mkdir libiberty bfd opcodes",
            "for part in libiberty bfd opcodes;"
            f" do (cd $part; /build/src/$part/{_CONFIGURE}); done",
            # configure wants one of them.
            f"rm {' '.join(f'/build/src/{name}' for name in FILES)}",
        ),
        phase(
            "build",
            "make -C libiberty",
            "make -C bfd headers",
            "cd opcodes",
            'includes="-I. -I/build/src/opcodes -I/build/src/include -I/build/src/bfd -I../bfd"',
            "$CC -w -DHAVE_CONFIG_H $includes -o generate /build/src/opcodes/i386-gen.c"
            " ../libiberty/libiberty.a",
            "$CC -E -P $includes - < /build/src/opcodes/i386-opc.tbl"
            " | ./generate --srcdir /build/src/opcodes",
        ),
        phase(
            "compare",
            f'for name in {" ".join(FILES)}; do cmp "/build/src/$name" "$source/$name"; done',
            'mkdir "$out"',
        ),
    ),
)
