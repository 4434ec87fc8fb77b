"""Small programs that each compiler of the chain has to compile rightly before it compiles a link.

Their result, an empty folder, is an input of the links that the compiler builds. So a compiler that
fails is not used, and another program in the set builds no link anew.
"""

from __future__ import annotations

from derivations.chain.texts import programs
from derivations.kit import Recipe, phase, phases, variant


def _each(programs: str, compiler: str) -> str:
    """Return the command that compiles and runs each of the programs, at two levels."""
    return (
        f"for program in {programs}; do for level in -O0 -O2;"
        f' do echo "$program $level"; {compiler} -w $level -fno-strict-aliasing -o program $program'
        " $helpers; ./program; done; done"
    )


_C = phase("programs", "cd /build", _each("*.c", "cc"), 'mkdir "$out"')

# A compiler of C++ has another front end, with faults of its own: gcc 3.4.6 needs a patch to pass.
_CXX = phase("cxx", "cd /build", "rm memory.c", _each("*.c *.cc", "c++ -x c++ -std=gnu++98"))

TORTURE_TCC = Recipe(
    name="chain-torture-tcc",
    version="1",
    description="Small programs that tcc compiles rightly",
    licence="MIT",
    homepage="https://bellard.org/tcc/",
    seconds=2,
    files=programs(),
    build=phases(phase("helpers", "helpers="), _C, tools=("cc", "coreutils", "sh")),
)

TORTURE_GCC3_C = variant(
    TORTURE_TCC,
    name="chain-torture-gcc3-c",
    description="Small programs that gcc 3.4.6, compiled by tcc, compiles rightly",
    homepage="https://gcc.gnu.org/",
    seconds=3,
    build=phases(
        phase(
            "helpers",
            # tcc compiled this C library, which so needs the helpers of tcc.
            "helpers=$(command -v tcc)",
            'helpers="-Wl,--start-group -lc ${helpers%/bin/tcc}/lib/tcc/libtcc1.a -Wl,--end-group"',
        ),
        _C,
        tools=("cc", "coreutils", "sh", "tcc"),
    ),
)

TORTURE_GCC3 = variant(
    TORTURE_TCC,
    name="chain-torture-gcc3",
    description="Small programs that gcc 3.4.6 compiles rightly",
    homepage="https://gcc.gnu.org/",
    seconds=8,
    build=phases(phase("helpers", "helpers="), _C, _CXX, tools=("cc", "coreutils", "sh")),
)

TORTURE_GCC10 = variant(
    TORTURE_GCC3,
    name="chain-torture-gcc10",
    description="Small programs that gcc 10 compiles rightly",
)
