"""gcc 10: the last that C++98 compiles, and the first of ours that knows the C++ of gcc 14."""

from __future__ import annotations

from derivations import gmp, m4, mpc, mpfr
from derivations.gcc import GCC
from derivations.kit import Recipe, debian, phase, phases, variant

SOURCE = debian(
    "g/gcc-10/gcc-10_10.2.1.orig.tar.xz",
    "ea3c05faa381486e6b859c047dc14977418bf1ccda4567064e016493fd6fffec",
    name="chain-gcc10",
    version="10.2.0",
    seconds=30,
    options=(
        # A tarball of tarballs; the others are newlib, and Modula-2.
        "nested=gcc-10.2.0-dfsg.tar.xz",
        "strip=1",
        "exclude=gnattools",
        "exclude=gotools",
        "exclude=libada",
        "exclude=libffi",
        "exclude=libgfortran",
        "exclude=libgo",
        "exclude=libhsail-rt",
        "exclude=libitm",
        "exclude=libobjc",
        "exclude=liboffloadmic",
        "exclude=libphobos",
        "exclude=libquadmath",
        "exclude=libsanitizer",
        "exclude=libvtv",
        "exclude=gcc/ada",
        "exclude=gcc/fortran",
        "exclude=gcc/go",
        "exclude=gcc/testsuite",
        "exclude=libgomp/testsuite/libgomp.*",
        "exclude=libstdc++-v3/testsuite/[0-9a-z]*",
        "exclude=contrib",
        "exclude=maintainer-scripts",
        "exclude=**/ChangeLog*",
    ),
)

# gmp's configure asks for it.
M4 = variant(
    m4.M4,
    name="chain-m4",
    description="The macro processor, compiled by gcc 3.4.6",
    seconds=15,
    programs=(),
    tools=("binutils",),
)

_CHECK_CXX = """\
#include <iostream>
#include <memory>
#include <string>
#include <variant>
#include <vector>
int main() {
    std::vector<std::variant<int, std::string>> all{40, "two"};
    auto sum = std::make_unique<int>(0);
    for (const auto &each : all)
        std::visit([&](auto value) {
            if constexpr (std::is_same_v<decltype(value), int>) *sum += value;
            else try { throw value; } catch (std::string &text) { *sum += text.size() - 1; }
        }, each);
    std::cout << *sum << std::endl;
}
"""

_OPTIONS = (
    "--build=x86_64-pc-linux-gnu --host=x86_64-pc-linux-gnu --target=x86_64-linux-musl",
    '--program-prefix= --prefix="$out" --with-sysroot="$libc"',
    "--with-native-system-header-dir=/include --enable-languages=c,c++",
    "--disable-bootstrap --disable-multilib --disable-shared --disable-lto --disable-plugin",
    "--disable-nls --disable-libsanitizer --disable-libquadmath --disable-libgomp",
    "--disable-libvtv --disable-libssp --disable-libitm --disable-libatomic --disable-threads",
    "--enable-checking=release '--with-specs=%{!shared:%{!pie:%{!static-pie:-static}}}'",
    '--with-as="$binutils/bin/as" --with-ld="$binutils/bin/ld"',
    " ".join(
        f'{tool.upper()}_FOR_TARGET="$binutils/bin/{tool}"'
        for tool in ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")
    ),
    # gcc 3.4.6 does not say in which order a number's bytes are.
    "CFLAGS='-O1 -DPLUGIN_LITTLE_ENDIAN' CXXFLAGS='-O1 -DPLUGIN_LITTLE_ENDIAN'",
    "CFLAGS_FOR_TARGET=-O1 CXXFLAGS_FOR_TARGET=-O1",
)

GCC10 = Recipe(
    name="chain-gcc10",
    version="10.2.0",
    description="C and C++ compilers of 2020, compiled by gcc 3.4.6",
    licence="GPL-3.0-or-later WITH GCC-exception-3.1",
    homepage="https://gcc.gnu.org/",
    seconds=600,
    source=SOURCE,
    extra_sources=(gmp.SOURCE, mpc.SOURCE, mpfr.SOURCE),
    tools=("binutils", "m4"),
    runs=("binutils", "libc"),
    in_tree=True,
    files=(("check.cc", _CHECK_CXX),),
    build=phases(
        GCC.phase("prepare"),
        phase(
            "options",
            # One table has many values by an operator of a class. gcc 3.4.6 puts its calls into
            # each other, and was not through after minutes.
            "echo 'CFLAGS-i386-common.o = -fno-inline' >> /build/src/gcc/config/i386/t-i386",
        ),
        phase("configure", "/build/src/configure " + " ".join(_OPTIONS)),
        phase("build", "make MAKEINFO=true"),
        phase(
            "install",
            "make MAKEINFO=true install-strip",
            'rm -rf "$out/share"',
            'ln -s gcc "$out/bin/cc"',
        ),
    ),
    check=(
        '"$out/bin/g++" -std=c++17 -O2 -o check ../check.cc',
        'test "$(./check)" = 42',
    ),
)
