"""A slice of gcc's own tests, by the gccs of the chain.

gcc 10's archive has 1,611 small programs in C. That of gcc 3.4.6 has none, so it compiles those of
gcc 10; but it has tests of its C++ library. They are packages and no part of the chain: no link is
built anew for them.

The programs that a compiler fails have to be the known ones, no more and no fewer: each file in
``known`` lists them, below the reason.
"""

from __future__ import annotations

from dataclasses import replace

from derivations.chain import gcc3, gcc10
from derivations.chain.texts import known
from derivations.kit import Phase, Recipe, phase, phases, variant

_IN_C = "gcc/testsuite/gcc.c-torture/execute"
_IN_CXX = "libstdc++-v3/testsuite"

C_PROGRAMS = replace(
    gcc10.SOURCE,
    name="chain-gcc10-tests",
    options=(
        "nested=gcc-10.2.0-dfsg.tar.xz",
        "strip=1",
        f"include={_IN_C}",
        # Each of these is in two files, one of them a library.
        f"exclude={_IN_C}/builtins",
    ),
)

CXX_PROGRAMS = replace(
    gcc3.SOURCE,
    name="chain-gcc3-tests",
    options=(
        "strip=1",
        f"include={_IN_CXX}",
        # The chain's library knows one locale and no threads, and streams take the longest.
        f"exclude={_IN_CXX}/22_locale",
        f"exclude={_IN_CXX}/27_io",
        f"exclude={_IN_CXX}/performance",
        f"exclude={_IN_CXX}/thread",
        "exclude=**/wchar_t",
    ),
)

# Compiles a program, $1 below $tests, at each of $levels, runs it, and names it if that fails. A
# line of the program, or of a file beside it where that sets no condition, says what else it is to
# be compiled with, but for words that the sed script in $left_out takes out. One that never ends is
# ended.
_TRY = """\
program=$tests/$1 name=${1%.*} failed=
asked='s/.*dg-\\(additional-\\)*options [{ ]*"\\([^"]*\\)".*/\\2/p'
options=$(
    sed -n "/{ *target/!$asked" "$program"
    beside=${program%.*}.x
    if [ -f "$beside" ]; then sed -n 's/"//g; s/^lappend additional_flags //p' "$beside"; fi
)
options=$(echo "$options" | sed "$left_out")
for level in $levels; do
    file=$name$level
    if ! timeout 600 $compile $level $options -o "$file" "$program" $link > "$file.log" 2>&1
    then failed="$failed compile$level"
    elif ! timeout 600 "./$file" > "$file.log" 2>&1 < /dev/null
    then failed="$failed run$level"
    fi
    rm -f "$file"
done
if [ "$failed" ]; then echo "$name$failed"; fi
"""

_MAKEFILE = """\
all: $(addsuffix .result,$(shell cat programs))
%.result:
\t@mkdir -p $(@D)
\t@sh ../try.sh $* > $@
"""

# Shows how a program ended that is not as it is known to be.
_SHOW = """\
sort known failed | uniq -u | sed 's/ .*//' | sort -u > other
while read name; do
    echo "$name: known as: $(grep "^$name " known), is: $(grep "^$name " failed)"
    for log in "$name"-*.log; do head -n 20 "$log"; done
done < other
"""


_YOUNGER_OPTIONS = (
    r"s/-W[a-z][^ ]*\|-fgnu89-inline\|-f[a-z-]*\(tree\|vect\|ipa\|ira\|ivopts\|early\)[^ ]*//g"
)

# What gcc defines by itself since 4.3 or later.
_YOUNGER = """\
#define __INT8_TYPE__ signed char
#define __INT16_TYPE__ short
#define __INT32_TYPE__ int
#define __INT64_TYPE__ long
#define __INTPTR_TYPE__ long
#define __UINT8_TYPE__ unsigned char
#define __UINT16_TYPE__ unsigned short
#define __UINT32_TYPE__ unsigned
#define __UINT64_TYPE__ unsigned long
#define __UINTPTR_TYPE__ unsigned long
#define __INT_LEAST8_TYPE__ signed char
#define __UINT_LEAST32_TYPE__ unsigned
#define __SIZEOF_SHORT__ 2
#define __SIZEOF_INT__ 4
#define __SIZEOF_LONG__ 8
#define __SIZEOF_LONG_LONG__ 8
#define __SIZEOF_POINTER__ 8
#define __SIZEOF_FLOAT__ 4
#define __SIZEOF_DOUBLE__ 8
#define __ORDER_LITTLE_ENDIAN__ 1234
#define __ORDER_BIG_ENDIAN__ 4321
#define __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__
"""


def _run(name: str, listed: str, *lines: str) -> Phase:
    """Return a phase that tries the programs in the file ``programs``, and compares those that fail
    with those in ``listed``."""
    return phase(
        name,
        *lines,
        "make -f ../tests.mk",
        "find . -name '*.result' -exec cat {} + | sort > failed",
        f"grep -v '^#' ../{listed} | sort > known",
        "sh ../show.sh",
        "cmp known failed",
        'echo "$(wc -l < programs) programs, of which $(wc -l < failed) fail as is known"',
        'mkdir -p "$out"',
        f'cp failed "$out/{listed}"',
        "rm -rf ./*",
    )


_C = (
    f'export tests="$chain_gcc10_tests_source/{_IN_C}" levels="-O0 -O2" link=-lm left_out=',
    'find "$tests" -name "*.c" | sed "s,^$tests/,," | sort > programs',
)

_FILES = (("show.sh", _SHOW), ("tests.mk", _MAKEFILE), ("try.sh", _TRY))

TESTS_GCC10 = Recipe(
    name="chain-tests-gcc10",
    version="10.2.0",
    description="gcc's own small programs, compiled by gcc 10",
    licence="GPL-3.0-or-later WITH GCC-exception-3.1",
    homepage="https://gcc.gnu.org/",
    seconds=300,
    source=C_PROGRAMS,
    files=(*_FILES, known("gcc10-c")),
    build=phases(_run("programs", "gcc10-c", *_C, "export compile='gcc -w'")),
)

TESTS_GCC3 = variant(
    TESTS_GCC10,
    name="chain-tests-gcc3",
    version="3.4.6",
    description="gcc's own small programs, compiled by gcc 3.4.6, and tests of its C++ library",
    extra_sources=(CXX_PROGRAMS,),
    files=(*_FILES, ("younger.h", _YOUNGER), known("gcc3-c"), known("gcc3-cxx")),
    build=phases(
        _run(
            "programs",
            "gcc3-c",
            *_C,
            "export compile='cc -std=gnu99 -w -include /build/younger.h'",
            # It knows no other inline functions, no later optimisers, and is not to warn.
            f"export left_out='{_YOUNGER_OPTIONS}'",
        ),
        _run(
            "library",
            "gcc3-cxx",
            f'export tests="$chain_gcc3_tests_source/{_IN_CXX}" levels=-O1 left_out=',
            'export compile="c++ -w -D_GLIBCXX_ASSERT -I$tests"',
            'export link="/build/testsuite_hooks.o /build/testsuite_allocator.o -lm"',
            "for name in hooks allocator; do"
            ' $compile -O1 -c -o "/build/testsuite_$name.o" "$tests/testsuite_$name.cc"; done',
            # Some read these.
            'cp "$tests"/data/* .',
            # Others are to be refused, or are no whole programs.
            "find \"$tests\" -mindepth 2 -name '*.cc' -exec grep -L 'dg-do compile\\|dg-error' {} +"
            ' | sed "s,^$tests/,," | sort > programs',
        ),
    ),
)
