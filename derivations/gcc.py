"""The C and C++ compilers."""

from derivations import gmp, mpc, mpfr, musl
from derivations.kit import Recipe, debian, phase, phases, variant

SOURCE = debian(
    "g/gcc-14/gcc-14_14.2.0.orig.tar.gz",
    "e162a5ef3f0077ecae598c6556908d2ab80841532df3398072a96a6df6e6aa29",
    name="gcc",
    seconds=20,
    options=(
        # A tarball of tarballs; the other one is newlib.
        "nested=gcc-14.2.0-dfsg.tar.xz",
        "strip=1",
        # Other languages, and what is not configured. gcc/d and gcc/rust stay: genhooks reads them.
        "exclude=gnattools",
        "exclude=gotools",
        "exclude=libada",
        "exclude=libffi",
        "exclude=libgfortran",
        "exclude=libgm2",
        "exclude=libgo",
        "exclude=libgrust",
        "exclude=libitm",
        "exclude=libobjc",
        "exclude=libphobos",
        "exclude=libquadmath",
        "exclude=libsanitizer",
        "exclude=libvtv",
        "exclude=gcc/ada",
        "exclude=gcc/fortran",
        "exclude=gcc/go",
        "exclude=gcc/jit",
        "exclude=gcc/m2",
        "exclude=gcc/objc",
        "exclude=gcc/objcp",
        # Tests; some of their folders hold a Makefile.in that is wanted.
        "exclude=gcc/testsuite",
        "exclude=libgomp/testsuite/libgomp.*",
        "exclude=libstdc++-v3/testsuite/[0-9a-z]*",
        "exclude=contrib",
        "exclude=maintainer-scripts",
        "exclude=**/ChangeLog*",
    ),
)

_PREPARE = phase(
    "prepare",
    'cp -a "$mpfr_source" /build/src/mpfr',
    'cp -a "$mpc_source" /build/src/mpc',
    'cp -a "$gmp_source" /build/src/gmp',
    "chmod -R u+w /build/src",
    # Debian's gmp lacks its manual's folder, which configure wants; the demos want bison.
    "mkdir /build/src/gmp/doc",
    "printf 'all install install-strip:\\n' > /build/src/gmp/doc/Makefile.in",
    "sed -i 's/^SUBDIRS = tests .*/SUBDIRS = mpn mpz mpq mpf printf scanf rand cxx/'"
    " /build/src/gmp/Makefile.in",
    # Debian's gcc lacks the manual too, and the build notices: two rules make it, one must stamp.
    "sed -i -e '/^s-tm-texi: build/,/^$/c\\s-tm-texi:\\n\\t$(STAMP) $@\\n'"
    " -e '/^s-tm-texi: \\$(srcdir)/d' /build/src/gcc/Makefile.in",
    # Headers are to be copied with cp: tar is not in the seed. A variable on make's command line
    # would not get past the Makefile at the top.
    "sed -i 's/@build_install_headers_dir@/install-headers-cp/' /build/src/gcc/Makefile.in",
    # Named as a prerequisite; what is in it does not matter to a release.
    "mkdir -p /build/src/gcc/testsuite/selftests",
)

_OPTIONS = (
    "--target=x86_64-linux-musl",
    "--with-native-system-header-dir=/include",
    "--enable-languages=c,c++",
    "--disable-multilib",
    # The stages of this distribution are the bootstrap.
    "--disable-bootstrap",
    "--disable-nls",
    # musl's headers need no fixing.
    "--disable-fixincludes",
    # Only static libraries exist; a static linker loads no plugin, and so does LTO no good.
    "--disable-shared",
    "--disable-lto",
    "--disable-plugin",
    # Programs are static unless they ask to be something else.
    "'--with-specs=%{!shared:%{!pie:%{!static-pie:-static}}}'",
    "--disable-libsanitizer",
    "--disable-libquadmath",
    "--disable-libvtv",
    "--disable-libssp",
    "--disable-libitm",
    # No debug information: it would tell the stages apart, by the folders of the libraries.
    "CFLAGS=-O2",
    "CXXFLAGS=-O2",
    "CFLAGS_FOR_TARGET=-O2",
    "CXXFLAGS_FOR_TARGET=-O2",
)

_CHECK_C = """\
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
int main(void) { return printf("%d\\n", PATH_MAX) < 0; }
"""

_CHECK_CXX = """\
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
int main() {
    std::string text;
    std::thread thread([&] {
        try { throw std::runtime_error("caught"); }
        catch (const std::exception &error) { text = error.what(); }
    });
    thread.join();
    std::cout << text << std::endl;
}
"""

_CHECK_ATOMIC = """\
#include <stdio.h>
struct wide { long a, b, c; } _Atomic shared;
int main(void) {
    struct wide value = { 1, 2, 3 };
    int sum = 0;
    shared = value;
    #pragma omp parallel for reduction(+:sum)
    for (int i = 1; i <= 4; i++) sum += i;
    value = shared;
    return printf("%d\\n", sum + (int)value.c) < 0;
}
"""

_CHECK = (
    '"$out/bin/gcc" -O2 -o check-c ../check.c',
    'test "$(./check-c)" = 4096',
    '"$out/bin/g++" -O2 -o check-cxx ../check.cc',
    'test "$(./check-cxx)" = caught',
    '"$out/bin/gcc" -O2 -fopenmp -o check-atomic ../check-atomic.c -latomic',
    'test "$(./check-atomic)" = 13',
    "readelf -lW check-c check-cxx check-atomic > headers",
    "if grep INTERP headers; then exit 1; fi",
)

_FILES = (("check.c", _CHECK_C), ("check.cc", _CHECK_CXX), ("check-atomic.c", _CHECK_ATOMIC))

GCC = Recipe(
    description="The C and C++ compilers",
    licence="GPL-3.0-or-later WITH GCC-exception-3.1",
    homepage="https://gcc.gnu.org/",
    seconds=1300,
    source=SOURCE,
    extra_sources=(gmp.SOURCE, mpc.SOURCE, mpfr.SOURCE),
    tools=("m4",),
    runs=("binutils", "libc"),
    in_tree=True,
    files=_FILES,
    programs=("c++", "cc", "cpp", "g++", "gcc"),
    build=phases(
        _PREPARE,
        phase(
            "configure",
            '/build/src/configure --prefix="$out" --build=x86_64-linux-musl'
            ' --host=x86_64-linux-musl --with-sysroot="$libc" --with-as="$binutils/bin/as"'
            ' --with-ld="$binutils/bin/ld" ' + " ".join(_OPTIONS),
        ),
        phase("build", "make MAKEINFO=true"),
        phase(
            "install",
            "make MAKEINFO=true install-strip",
            'rm -rf "$out/share"',
            'find "$out" -name "*.la" -delete',
            # Plain names only: another name in one stage than in the next would be found and kept.
            'rm -f "$out"/bin/x86_64-linux-musl-*',
            'ln -s gcc "$out/bin/cc"',
        ),
    ),
    check=_CHECK,
)

_TOOLS_FOR_TARGET = " ".join(
    f'{tool.upper()}_FOR_TARGET="$cross_binutils/bin/{tool}"'
    for tool in ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")
)

CROSS_GCC = variant(
    GCC,
    name="cross-gcc",
    description="The compilers of stage 0, with the C library that their programs get",
    seconds=840,
    extra_sources=(*GCC.extra_sources, musl.SOURCE),
    # For the check: what compiles is told where its assembler and linker are.
    tools=(*GCC.tools, "binutils"),
    runs=("cross-binutils", "kernel-headers"),
    # Not static: they are programs of the seed's system.
    programs=(),
    build=phases(
        _PREPARE,
        phase(
            "sysroot",
            'mkdir -p "$out/sysroot/lib" ../headers ../musl',
            'cp -r "$kernel_headers/include" "$out/sysroot/include"',
            'cp -r "$musl_source" /build/musl-source',
            'chmod -R u+w "$out/sysroot/include" /build/musl-source',
            # Before gcc, whose limits.h goes on to the C library's only if it is there by then.
            "cd ../headers",
            "/build/musl-source/configure --prefix=/ --target=x86_64-linux-musl CC=gcc",
            'make DESTDIR="$out/sysroot" install-headers',
        ),
        phase(
            "configure",
            '/build/src/configure --prefix="$out" --build=x86_64-linux-gnu'
            ' --host=x86_64-linux-gnu --program-prefix= --with-sysroot="$out/sysroot"'
            ' --with-as="$cross_binutils/bin/as" --with-ld="$cross_binutils/bin/ld" '
            + " ".join((*_OPTIONS, _TOOLS_FOR_TARGET)),
        ),
        phase("compilers", "make MAKEINFO=true all-gcc"),
        # libgcc without its shared half, which would need the C library that needs libgcc.
        phase("libgcc", "make MAKEINFO=true enable_shared=no all-target-libgcc"),
        phase(
            "libc",
            "cd ../musl",
            # -O2, as stage 1 compiles musl: or what this links would differ from what stage 2 does.
            "/build/musl-source/configure --prefix=/ --disable-shared --disable-wrapper CFLAGS=-O2"
            ' --target=x86_64-linux-musl CC="/build/obj/gcc/xgcc -B/build/obj/gcc/"'
            ' AR="$cross_binutils/bin/ar" RANLIB="$cross_binutils/bin/ranlib"',
            "make",
            'make DESTDIR="$out/sysroot" install',
        ),
        phase("libraries", "make MAKEINFO=true"),
        phase(
            "install",
            "make MAKEINFO=true install-strip",
            'rm -rf "$out/share"',
            'ln -s gcc "$out/bin/cc"',
        ),
    ),
    check=_CHECK,
)
