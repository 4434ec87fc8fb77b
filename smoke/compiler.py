"""Zig's compilers as they stand in for gcc: they find the libraries of a build by themselves."""

from derivations.kit import phase, phases, variant
from derivations.zig_cc import ZIG_CC

# zig heeds no C_INCLUDE_PATH and no LIBRARY_PATH; and of several files for -c it makes one object.
# Its C library was compiled once; a build has a copy of it, since zig writes there.
_COMPILER = """\
#!/bin/bash
export ZIG_GLOBAL_CACHE_DIR=/tmp/zig ZIG_LOCAL_CACHE_DIR=/tmp/zig
if mkdir /tmp/zig.begun 2>/dev/null; then
    cp -R --no-preserve=mode HERE/cache /tmp/zig.new
    mv /tmp/zig.new /tmp/zig
fi
while ! test -d /tmp/zig; do sleep 1; done

case ${0##*/} in
    g++ | c++) zig=c++ language='-x c++' ;;
    *) zig=cc language= ;;
esac
needs=
if test -d /build/needs/include; then needs='-isystem /build/needs/include'; fi
if test -d /build/needs/lib; then needs="$needs -L/build/needs/lib"; fi

# For each of these ways to compile that a program is linked with, zig makes a C library anew, which
# takes longer than most packages: one is there, with -O2. A link needs them for nothing else.
link=yes one=
for word in "$@"; do
    case $word in
        -c | -S | -E | -M | -MM) link= ;;
    esac
done
if test "$link"; then one=-O2; fi

# The first of these make a linker say more, and zig's knows none of them. For gcc -dynamic is only
# about the libraries behind it: a static program stays one.
kept=()
for word in "$@"; do
    case $link$word in
        *-Wl,--warn-common | *-Wl,--verbose | *-Wl,-Map,* | -dynamic | yes-dynamic) ;;
        yes-O* | yes-g* | yes-fPI[CE] | yes-fpi[ce] | yes-fomit-frame-pointer) ;;
        *) kept+=("$word") ;;
    esac
done
set -- "${kept[@]}"

compile() {
    zig $zig -target x86_64-linux-musl -s -fno-sanitize=all -Wno-date-time "$@" $one $needs
}

sources=() others=() object= output= c=
for word in "$@"; do
    case $word in
        -c) object=yes ;;
        -o*) output=yes ;;
    esac
    case $word in
        *.c) sources+=("$word") c=yes ;;
        *.cc | *.cpp | *.cxx | *.C | *.[sS]) sources+=("$word") ;;
        *) others+=("$word") ;;
    esac
done
test "$c" || language=
if test "$object" && test -z "$output" && test ${#sources[@]} -gt 1; then
    for source in "${sources[@]}"; do
        compile $language "${others[@]}" "$source" || exit
    done
    exit
fi
compile $language "$@"
"""

_PROGRAM = """\
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
"""

SMOKE_CC = variant(
    ZIG_CC,
    name="smoke-cc",
    description="Zig's C and C++ compilers, where they stand in for gcc",
    files=(("compiler", _COMPILER), ("hello.c", _PROGRAM)),
    build=phases(
        phase(
            "install",
            'mkdir -p "$out/bin" cache',
            'sed "s|HERE|$out|" ../compiler > "$out/bin/gcc"',
            'chmod 755 "$out/bin/gcc"',
            'for name in g++ cc c++; do ln -s gcc "$out/bin/$name"; done',
            "export ZIG_GLOBAL_CACHE_DIR=$PWD/cache ZIG_LOCAL_CACHE_DIR=$PWD/cache",
            *(
                f"zig {zig} -target x86_64-linux-musl -O2 -s -o hello -x {language} ../hello.c"
                for zig, language in (("cc", "c"), ("c++", "c++"))
            ),
            'cp -R cache "$out/cache"',
        ),
        tools=("sh", "coreutils", "sed"),
    ),
    check=(
        '"$out/bin/gcc" -O2 -o hello ../hello.c',
        'test "$(./hello)" = hello',
        '"$out/bin/g++" -O2 -o hello ../hello.c',
        'test "$(./hello)" = hello',
        "cp ../hello.c one.c",
        "echo 'int two;' > two.c",
        '"$out/bin/gcc" -O2 -c one.c two.c',
        '"$out/bin/gcc" one.o two.o -o both',
        "./both",
        '"$out/bin/gcc" -static one.o two.o -dynamic -o still',
        "./still",
        # No other C library was made for these.
        '"$out/bin/gcc" -Os -g -fPIC -fomit-frame-pointer one.o two.o -o small',
        "./small",
        'test "$(find /tmp/zig/o -name libc.a | wc -l)" = 1',
    ),
)
