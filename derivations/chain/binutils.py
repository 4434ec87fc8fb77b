"""The assembler and linker that gcc wants, by tcc.

2.44 is too new: tcc has no thread-local storage, and its ld maps files in a way that tcc compiles
wrongly. 2.35.2 is the newest that was seen to work as a whole.
"""

from __future__ import annotations

from derivations.binutils import BINUTILS
from derivations.kit import debian, phase, phases, variant

SOURCE = debian(
    "b/binutils/binutils_2.35.2.orig.tar.xz",
    "2643d99d7aba8557319a4b018f6bcae58677fc9bc853d4c2cd2eb571867b75e7",
    name="chain-binutils",
    seconds=10,
    options=(
        "strip=1",
        "exclude=gold",
        "exclude=gprof",
        "exclude=*/testsuite/*-*",
        "exclude=**/ChangeLog*",
    ),
)

_OPTIONS = (
    "--target=x86_64-linux-musl",
    "--disable-nls --disable-multilib --disable-werror --disable-shared --disable-plugins",
    "--disable-gold --disable-gprof --disable-gdb --disable-sim --disable-libdecnumber",
    "--disable-readline --disable-dependency-tracking --enable-deterministic-archives",
    "--without-zstd",
    # Sizes of what a linker that does not exist could take, and storage that tcc does not have.
    "lt_cv_sys_max_cmd_len=200000 ac_cv_tls=none",
    # tcc does not say in which order a number's bytes are.
    "CFLAGS='-DTLS= -DPLUGIN_LITTLE_ENDIAN' CFLAGS_FOR_BUILD= CC_FOR_BUILD=cc",
)

BINUTILS_BY_TCC = variant(
    BINUTILS,
    name="chain-binutils",
    description="Assembler and linker, compiled by tcc",
    source=SOURCE,
    programs=(),
    seconds=60,
    build=phases(
        phase(
            "configure",
            "export ac_cv_tls=none lt_cv_sys_max_cmd_len=200000",
            '/build/src/configure --prefix="$out" --build=x86_64-linux-musl'
            " --host=x86_64-linux-musl " + " ".join(_OPTIONS),
        ),
        phase("build", "make MAKEINFO=true"),
        phase(
            "install",
            "make MAKEINFO=true install",
            'rm -rf "$out/share" "$out/x86_64-linux-musl/lib" "$out"/lib*',
            # A name that the seed's shell does not take for a program of its own.
            'ln -s ar "$out/bin/x86_64-linux-musl-ar"',
        ),
    ),
)
