"""The machine's hardware, as its firmware tells it."""

from derivations.kit import Recipe, debian, makefile

DMIDECODE = Recipe(
    source=debian(
        "d/dmidecode/dmidecode_3.6.orig.tar.xz",
        "e40c65f3ec3dafe31ad8349a4ef1a97122d38f65004ed66575e1a8d575dd8bae",
    ),
    description="Shows the hardware that the firmware's tables list",
    licence="GPL-2.0-or-later",
    homepage="https://www.nongnu.org/dmidecode/",
    build=makefile('sbindir="$out/bin"', install="install-bin install-man"),
    programs=("dmidecode", "biosdecode", "ownership", "vpddecode"),
    seconds=5,
)
