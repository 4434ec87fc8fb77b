"""Lines that are edited while they are typed."""

from derivations.kit import Recipe, autotools, debian

READLINE = Recipe(
    source=debian(
        "r/readline/readline_8.2.orig.tar.gz",
        "3feb7171f16a84ee82ca18a36d7b9be109a52c04f492a053331d7d1095007c35",
    ),
    description="Edits lines while they are typed, with a history",
    licence="GPL-3.0-or-later",
    homepage="https://tiswww.case.edu/php/chet/readline/rltop.html",
    needs=("ncurses",),
    build=autotools("--disable-shared --with-curses --disable-install-examples"),
    seconds=40,
)
