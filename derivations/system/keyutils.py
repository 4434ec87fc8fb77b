"""Keys that the kernel keeps."""

from derivations.kit import Recipe, debian, makefile

KEYUTILS = Recipe(
    source=debian(
        "k/keyutils/keyutils_1.6.3.orig.tar.gz",
        "a61d5706136ae4c05bd48f86186bcfdbd88dd8bd5107e3e195c924cfc1b39bb4",
    ),
    description="Keys that the kernel keeps",
    licence="GPL-2.0-or-later AND LGPL-2.1-or-later",
    homepage="https://git.kernel.org/pub/scm/linux/kernel/git/dhowells/keyutils.git",
    build=makefile(
        "NO_SOLIB=1 NO_GLIBC_KEYERR=1",
        'BINDIR="$out/bin" SBINDIR="$out/bin" LIBDIR="$out/lib" USRLIBDIR="$out/lib"',
        'SHAREDIR="$out/share/keyutils" MANDIR="$out/share/man" INCLUDEDIR="$out/include"',
        'ETCDIR="$out/etc"',
        # `keyctl --version` would name the day of the build.
        prepare=("sed -i 's/$(shell date -u +%F)/on an unknown day/' Makefile",),
    ),
    programs=("keyctl --version",),
    licences=("LICENCE.GPL", "LICENCE.LGPL"),
    seconds=10,
)
