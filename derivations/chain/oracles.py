"""tcc compiled by strangers: by gcc of one seed, by clang of another; and a tcc that knows less.

Each makes another program of it. But the programs do the same: they compile musl and tcc to the
bytes of the chain. A compiler that is to take the place of the seed's tcc is accepted in the same
way.
"""

from __future__ import annotations

from derivations import musl, tcc
from derivations.chain import tcc as by_tcc
from derivations.chain.musl_by_tcc import HEADERS, MUSL_BY_TCC
from derivations.kit import Phase, Recipe, phase, phases, variant

# Not every seed has the program patch.
SOURCES = Recipe(
    name="chain-sources",
    version=tcc.SOURCE.version,
    description="The sources of tcc and musl with the chain's patches",
    licence="LGPL-2.1-or-later AND MIT",
    homepage="https://bellard.org/tcc/",
    seconds=1,
    extra_sources=(musl.SOURCE, tcc.SOURCE),
    files=(by_tcc.PATCH, *(each for each in MUSL_BY_TCC.files if each[0].endswith(".patch"))),
    build=phases(
        phase(
            "patch",
            'mkdir "$out"',
            'cp -r "$musl_source" "$out/musl"',
            'cp -r "$tcc_source" "$out/tcc"',
            'chmod -R u+w "$out"',
            'cd "$out/musl"',
            "patch -p1 -i /build/musl-tcc.patch",
            'cd "$out/tcc"',
            "patch -p1 -i /build/tcc-aliases.patch",
            """echo '#define TCC_VERSION "0.9.27"' > "$out/tcc/config.h\"""",
        ),
        tools=("coreutils",),
    ),
)


def _stranger(command: str, *edits: str, source: str = "/build/tcc") -> Phase:
    return phase(
        "compiler",
        'cp -r "$sources/tcc" /build/tcc',
        "chmod -R u+w /build/tcc",
        *edits,
        f"{command} -w -o /build/stranger -DTCC_TARGET_X86_64=1 -DTCC_MUSL=1 -DONE_SOURCE=1"
        " '-DCONFIG_TCC_SYSINCLUDEPATHS=\"{B}/include\"' '-DCONFIG_TCCDIR=\"/build/tcc\"'"
        f" -I{source} {source}/tcc.c -lm -ldl -lpthread",
    )


_TREE = phase(
    "patch",
    "rm -rf /build/src",
    'cp -r "$sources/musl" /build/src',
    "chmod -R u+w /build/src",
    "cd /build/src",
    *HEADERS,
)


def _by(
    stranger: Phase, recipe: Recipe, *steps: Phase, more: tuple[tuple[str, str], ...] = ()
) -> Recipe:
    rest = (step for step in recipe.build.phases if step.name != "patch")
    files = {name: text for name, text in recipe.files if not name.endswith(".patch")}
    return variant(
        recipe,
        runs=(*recipe.runs, "sources"),
        files=tuple((files | {"cc": 'exec /build/stranger "$@"\n'} | dict(more)).items()),
        build=phases(stranger, *steps, *rest, tools=("cc",)),
    )


def by_stranger(command: str) -> dict[str, Recipe]:
    """Return the recipes of musl and tcc by a tcc that ``command`` compiles."""
    stranger = _stranger(command)
    return {"libc": _by(stranger, MUSL_BY_TCC, _TREE), "cc": _by(stranger, by_tcc.TCC)}


# The ten bytes of a wide number, from those of a double.
_WIDEN = """\
#include <string.h>
static void widen(unsigned char *to, double number)
{
    unsigned long long bits, fraction;
    int exponent;
    memcpy(&bits, &number, 8);
    exponent = bits >> 52 & 2047;
    fraction = bits << 11;
    if (exponent) {
        fraction |= 1ULL << 63;
        exponent += exponent == 2047 ? 30720 : 15360;
    }
    memcpy(to, &fraction, 8);
    to[8] = exponent;
    to[9] = exponent >> 8 | bits >> 63 << 7;
}
"""


def by_narrow() -> dict[str, Recipe]:
    """Return the recipes of musl and tcc by a tcc whose own `long double` is `double`, as if it had
    been compiled by one that knows no wide numbers. Its output has them, but constants lack their
    last bits."""
    stranger = _stranger(
        "cc",
        "cp -r /build/tcc /build/narrow",
        "sed -i '/strtold/!s/long double/double/g' /build/narrow/*.[ch]",
        "sed -i 's/__asm__(\"fldl %1.*/widen(ptr, vtop->c.ld);/' /build/narrow/tccgen.c",
        "grep -q 'widen(ptr' /build/narrow/tccgen.c",
        """sed -i '1i #include "/build/widen.h"' /build/narrow/tcc.c""",
        source="/build/narrow",
    )
    more = (("widen.h", _WIDEN),)
    return {
        "libc": _by(stranger, MUSL_BY_TCC, _TREE, more=more),
        "cc": _by(stranger, by_tcc.TCC, more=more),
    }


GCC = "gcc -O1"
CLANG = (
    "ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig"
    " zig cc -target x86_64-linux-musl -O1 -fno-sanitize=all"
)
