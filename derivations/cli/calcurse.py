"""A calendar on the terminal."""

from derivations.kit import Recipe, autotools, debian

CALCURSE = Recipe(
    source=debian(
        "c/calcurse/calcurse_4.8.1.orig.tar.gz",
        "d86bb37014fd69b8d83ccb904ac979c6b8ddf59ee3dbc80f5a274525e4d5830a",
    ),
    description="Keeps a calendar and a list of tasks on the terminal",
    licence="BSD-2-Clause",
    homepage="https://calcurse.org/",
    needs=("ncurses",),
    build=autotools(
        "--disable-docs",
        # Written for another interpreter.
        finish=('rm -f "$out/bin/calcurse-caldav"', 'rm -f "$out/bin/calcurse-vdir"'),
    ),
    programs=("calcurse",),
    seconds=45,
)
