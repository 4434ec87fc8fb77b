"""Zig's C and C++ compilers, under the names that builds look for."""

from derivations.kit import Recipe, phase, phases

# A cache for the C library, which zig builds when it is first wanted; /tmp is the build's own.
# Checks of undefined behaviour and symbols are for those who debug.
_COMPILER = """\
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig
exec zig %s -target x86_64-linux-musl -s -fno-sanitize=all -Wno-date-time "$@"
"""

# zig goes by a file's name: some C++ of gcc's is in files called .c.
_CXX = """\
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig
language=
for word in "$@"; do
    case $word in
        *.c) language='-x c++' ;;
    esac
done
exec zig c++ -target x86_64-linux-musl -s -fno-sanitize=all -Wno-date-time $language "$@"
"""

_TOOL = """\
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig
exec zig ${0##*/} "$@"
"""

# Zig cannot take symbols from a program; the compiler above gives it none.
_STRIP = """\
#!/bin/sh
exit 0
"""

_HELLO = """\
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
"""

ZIG_CC = Recipe(
    name="zig-cc",
    version="1",
    description="The second seed's C and C++ compilers, under the names that builds look for",
    licence="MIT",
    homepage="https://ziglang.org/",
    seconds=40,
    files=(
        *(("cc", _COMPILER % "cc"), ("c++", _CXX)),
        *(("tool", _TOOL), ("strip", _STRIP), ("hello.c", _HELLO)),
    ),
    build=phases(
        phase(
            "install",
            'mkdir -p "$out/bin"',
            'cp ../cc "$out/bin/gcc"',
            'cp ../c++ "$out/bin/g++"',
            'for name in ar ranlib objcopy; do cp ../tool "$out/bin/$name"; done',
            'cp ../strip "$out/bin/strip"',
            'chmod 755 "$out/bin/"*',
            'ln -s gcc "$out/bin/cc"',
            'ln -s g++ "$out/bin/c++"',
        ),
        tools=("sh", "coreutils"),
    ),
    check=(
        '"$out/bin/cc" -O2 -o hello ../hello.c',
        'test "$(./hello)" = hello',
    ),
)
