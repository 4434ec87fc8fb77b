"""gcc 3.4.6: the last whose C compiler and tools are written in C that tcc compiles, whole.

Debian keeps it as the source of a compiler for another machine, the tree complete but for manuals.
"""

from __future__ import annotations

from derivations.chain.texts import patch
from derivations.kit import Recipe, debian, phase, phases, variant

SOURCE = debian(
    "g/gcc-h8300-hms/gcc-h8300-hms_3.4.6+dfsg2.orig.tar.gz",
    "1626f9e00509268ca7c791528aca41258bfd5b784cb317cf2bccd68f2f63cfed",
    name="chain-gcc3",
    version="3.4.6",
    seconds=5,
    options=(
        "strip=1",
        "exclude=libstdc++-v3/testsuite/[0-9]*",
        "exclude=libstdc++-v3/docs",
        "exclude=contrib",
        "exclude=maintainer-scripts",
        "exclude=**/ChangeLog*",
    ),
)

_TARGET = "x86_64-bootstrap-linux-gnu"
"""It cannot know musl, whose system it takes for glibc's. Another name than the build's makes it a
cross compiler, so that it runs nothing that it has made."""

_CHECK = """\
#include <stdio.h>
struct pair { int a : 5; unsigned b : 3; double c; };
static struct pair twice(struct pair p) { p.a *= 2; p.c *= 2; return p; }
int main(void) {
    struct pair p = { -4, 5, 1.25 };
    p = twice(p);
    return printf("%d %u %.2f %lld\\n", p.a, p.b, p.c, 1LL << 40) < 0;
}
"""

_CHECK_CXX = """\
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
int main() {
    std::map<std::string, int> words;
    try { words["caught"]++; throw std::runtime_error("caught"); }
    catch (const std::exception &error) { std::cout << error.what() << words["caught"] << "\\n"; }
}
"""

# -static: the name of a loader that it would put into programs is glibc's.
_CC = f'#!/bin/sh\nexec "${{0%/*}}/{_TARGET}-gcc" -static "$@"\n'
_CXX = _CC.replace("-gcc", "-g++")

PREPARE = phase(
    "prepare",
    # The C library that its programs get, where it looks for one.
    'mkdir -p "$out/sysroot" "$out/bin" ../tools',
    'ln -s "$libc" "$out/sysroot/usr"',
    "for tool in ar as ld nm objdump ranlib strip;"
    f' do ln -s "$binutils/bin/$tool" "../tools/{_TARGET}-$tool";'
    ' ln -s "$binutils/bin/$tool" "../tools/$tool"; done',
    # Names that glibc's headers had, for two types of signals.
    "sed -i -e 's/struct siginfo/siginfo_t/g' -e 's/struct ucontext/ucontext_t/g'"
    " /build/src/gcc/config/i386/linux64.h",
    # The manuals are not there.
    "sed -i 's/ install-man install-info / /' /build/src/gcc/Makefile.in",
)

OPTIONS = (
    f"--build=x86_64-unknown-linux-gnu --host=x86_64-unknown-linux-gnu --target={_TARGET}",
    '--prefix="$out" --with-sysroot="$out/sysroot"',
    '--with-gnu-as --with-gnu-ld --with-as="$binutils/bin/as" --with-ld="$binutils/bin/ld"',
    "--disable-nls --disable-multilib --disable-shared --enable-static --disable-threads",
    "--disable-checking --disable-libgcj --disable-libmudflap --enable-clocale=generic",
)

# It makes the names of what is in no named namespace at random, or from this.
RANDOM_SEED = "-frandom-seed=0"

MAKE = (
    'PATH="/build/tools:$PATH" make MAKEINFO=true STMP_FIXINC= GENERATED_MANPAGES='
    f" CFLAGS_FOR_TARGET=-O1 CXXFLAGS_FOR_TARGET='-O1 {RANDOM_SEED}'"
)

GCC3_BY_TCC = Recipe(
    name="chain-gcc3-c",
    version="3.4.6",
    description="A C compiler that optimises, compiled by tcc",
    licence="GPL-2.0-or-later WITH GCC-exception-2.0",
    homepage="https://gcc.gnu.org/",
    seconds=60,
    source=SOURCE,
    runs=("binutils", "libc"),
    in_tree=True,
    files=(("check.c", _CHECK), ("cc.sh", _CC)),
    build=phases(
        PREPARE,
        phase(
            "configure",
            'PATH="/build/tools:$PATH" AR="$binutils/bin/ar" RANLIB="$binutils/bin/ranlib" CFLAGS='
            " /build/src/configure --enable-languages=c " + " ".join(OPTIONS),
        ),
        phase("build", f"{MAKE} CFLAGS="),
        phase(
            "install",
            f"{MAKE} CFLAGS= install",
            'rm -rf "$out/share" "$out/info" "$out/man"',
            'cp ../cc.sh "$out/bin/cc"',
            'chmod 755 "$out/bin/cc"',
            'ln -s cc "$out/bin/gcc"',
        ),
    ),
    check=(
        # tcc compiled this C library, which so needs the helpers of tcc.
        "helpers=$(command -v tcc)",
        'helpers="${helpers%/bin/tcc}/lib/tcc/libtcc1.a"',
        '"$out/bin/cc" -O2 -o check ../check.c -Wl,--start-group -lc "$helpers" -Wl,--end-group',
        'test "$(./check)" = "-8 5 2.50 1099511627776"',
    ),
)

_PATCH = patch("gcc3-bit-fields.patch")

GCC3 = variant(
    GCC3_BY_TCC,
    name="chain-gcc3",
    description="C and C++ compilers of 2006, compiled by that C compiler",
    seconds=120,
    files=(*GCC3_BY_TCC.files, ("check.cc", _CHECK_CXX), ("c++.sh", _CXX), _PATCH),
    build=phases(
        phase("patch", "cd /build/src", "patch -p1 -i ../gcc3-bit-fields.patch"),
        PREPARE,
        phase(
            "libraries",
            # musl is none of the systems that it knows: what every system has will do.
            "sed -i 's|os/gnu-linux|os/generic|' /build/src/libstdc++-v3/configure.host",
            "sed -i 's/#define _GLIBCXX_USE_LFS 1//' /build/src/libstdc++-v3/configure",
        ),
        phase(
            "configure",
            # Its own programs are linked with the new C library, too.
            'PATH="/build/tools:$PATH" CC="cc -B$libc/lib/ -L$libc/lib" CFLAGS=-O1'
            ' AR="$binutils/bin/ar" RANLIB="$binutils/bin/ranlib"'
            " /build/src/configure --enable-languages=c,c++ " + " ".join(OPTIONS),
        ),
        phase("build", f"{MAKE} CFLAGS=-O1"),
        phase(
            "install",
            f"{MAKE} CFLAGS=-O1 install",
            'rm -rf "$out/share" "$out/info" "$out/man"',
            'cp ../cc.sh "$out/bin/cc"',
            'cp ../c++.sh "$out/bin/c++"',
            'chmod 755 "$out/bin/cc" "$out/bin/c++"',
            'ln -s cc "$out/bin/gcc"',
            'ln -s c++ "$out/bin/g++"',
        ),
    ),
    check=(
        '"$out/bin/cc" -O2 -o check ../check.c',
        'test "$(./check)" = "-8 5 2.50 1099511627776"',
        '"$out/bin/c++" -O2 -o check-cxx ../check.cc',
        'test "$(./check-cxx)" = caught1',
    ),
)
