"""Assembler, linker and other tools for object files."""

from derivations.kit import Recipe, autotools, debian, phase, phases, variant

SOURCE = debian(
    "b/binutils/binutils_2.44.orig.tar.xz",
    "c41a0272424f41bb01bf828e7ffef1b2d59d1788064fd6b5f1d971717e9320b8",
    seconds=10,
    options=(
        "strip=1",
        "exclude=gprofng",
        "exclude=*/testsuite/*-*",
        "exclude=**/ChangeLog*",
    ),
)

_OPTIONS = (
    "--target=x86_64-linux-musl",
    "--disable-multilib",
    "--disable-werror",
    "--disable-gprofng",
    "--disable-shared",
    # Archives without times and owners, unless asked for.
    "--enable-deterministic-archives",
    "--enable-new-dtags",
    # A static linker cannot load any.
    "--disable-plugins",
    "--without-zstd",
)

_CHECK = (
    "printf '.globl _start\\n_start: mov $60, %%eax\\nmov $7, %%edi\\nsyscall\\n' > check.s",
    '"$out/bin/as" -o check.o check.s',
    '"$out/bin/ar" rc check.a check.o',
    '"$out/bin/ld" -o check --whole-archive check.a',
    "status=0",
    "./check || status=$?",
    'test "$status" = 7',
)

BINUTILS = Recipe(
    description="Assembler, linker and other tools for object files",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/binutils/",
    seconds=150,
    source=SOURCE,
    programs=("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip"),
    build=autotools(*_OPTIONS, finish=('find "$out" -name "*.la" -delete',), manuals=False),
    check=_CHECK,
)

CROSS_BINUTILS = variant(
    BINUTILS,
    name="cross-binutils",
    description="Assembler and linker of stage 0, run by the seed's C library",
    seconds=60,
    # Not static: they are programs of the seed's system.
    programs=(),
    build=phases(
        phase(
            "configure",
            '/build/src/configure --prefix="$out" --build=x86_64-linux-gnu --host=x86_64-linux-gnu'
            # Plain names, as the native tools have: recipes are the same in all stages.
            " --program-prefix= --with-sysroot=/no-sysroot --disable-nls " + " ".join(_OPTIONS),
        ),
        phase("build", "make MAKEINFO=true"),
        phase("install", "make MAKEINFO=true install-strip", 'rm -rf "$out/share"'),
    ),
)
