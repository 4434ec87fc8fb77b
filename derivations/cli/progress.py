"""How far a copy is."""

from derivations.kit import Recipe, debian, makefile

PROGRESS = Recipe(
    source=debian(
        "p/progress/progress_0.17.orig.tar.gz",
        "ee9538fce98895dcf0d108087d3ee2e13f5c08ed94c983f0218a7a3d153b725d",
    ),
    description="Shows how far programs that copy and pack have come",
    licence="GPL-3.0-or-later",
    homepage="https://github.com/Xfennec/progress",
    needs=("ncurses",),
    # It would ask for pkg-config by a program that is not here.
    build=makefile('UNAME=other LDFLAGS="$LDFLAGS -lncursesw"'),
    programs=("progress -v",),
    seconds=5,
)
