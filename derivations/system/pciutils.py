"""Shows the devices on the PCI bus."""

from derivations.kit import Recipe, debian, makefile

PCIUTILS = Recipe(
    source=debian(
        "p/pciutils/pciutils_3.13.0.orig.tar.gz",
        "a03c88a0aab709b1697ca1753766f443e78297f84c7bcd80a82c1422edd7cb42",
    ),
    description="Shows the devices on the PCI bus",
    licence="GPL-2.0-or-later",
    homepage="https://mj.ucw.cz/sw/pciutils/",
    needs=("zlib",),
    tools=("gzip",),
    build=makefile(
        "SHARED=no ZLIB=yes DNS=no LIBKMOD=no HWDB=no STRIP=",
        'SBINDIR="$out/bin" MANDIR="$out/share/man"',
        install="install install-lib",
    ),
    programs=("lspci", "setpci"),
    seconds=20,
)
