"""IRC as files in a folder."""

from derivations.kit import Recipe, debian, makefile

II = Recipe(
    source=debian(
        "i/ii/ii_2.0.orig.tar.xz",
        "c43847ff00541f49ba09dcb24345f2cb14de5de7aecf8e1d0502462d4255afd8",
    ),
    description="IRC as files in a folder",
    licence="MIT",
    homepage="https://tools.suckless.org/ii/",
    build=makefile(),
    programs=("ii -v",),
    seconds=5,
)
