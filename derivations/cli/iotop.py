"""Which processes use the disks."""

from derivations.kit import Recipe, debian, makefile

IOTOP = Recipe(
    source=debian(
        "i/iotop-c/iotop-c_1.30.orig.tar.xz",
        "b6d8001cd06b583b42bc366d337c3c6e94ae8eadd29f501dbb333b11a2f0bce0",
        name="iotop",
    ),
    description="Shows which processes read and write the disks",
    licence="GPL-2.0-or-later",
    homepage="https://github.com/Tomas-M/iotop",
    needs=("ncurses",),
    build=makefile('NO_FLTO=1 HAVELPIE=no BINDIR="$out/bin"'),
    programs=("iotop",),
    seconds=5,
)
