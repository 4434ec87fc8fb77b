"""Processes by their files and names."""

from derivations.kit import Recipe, autotools, debian

PSMISC = Recipe(
    source=debian(
        "p/psmisc/psmisc_23.7.orig.tar.xz",
        "58c55d9c1402474065adae669511c191de374b0871eec781239ab400b907c327",
    ),
    description="Finds and ends processes by their names and open files, and draws their tree",
    licence="GPL-2.0-or-later",
    homepage="https://gitlab.com/psmisc/psmisc",
    needs=("ncurses",),
    build=autotools("--disable-harden-flags"),
    programs=("fuser -V", "killall -V", "prtstat -V", "pstree -V"),
    seconds=35,
)
