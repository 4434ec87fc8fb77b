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
    # They look for themselves where they are run. Two ask for the time in a zone by its name: the
    # sandbox has no zones.
    upstream=(
        "cp /build/src/test/*.sh test/",
        'make -C test check TESTS="$(cd test; ls *.sh | grep -v -e init -e ical-007 -e recur-008)"',
    ),
    seconds=45,
)
