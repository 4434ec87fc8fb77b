"""Processes on a screen of the terminal."""

from derivations.kit import Recipe, autotools, debian

HTOP = Recipe(
    source=debian(
        "h/htop/htop_3.4.1.orig.tar.gz",
        "af9ec878f831b7c27d33e775c668ec79d569aa781861c995a0fbadc1bdb666cf",
    ),
    description="Shows processes and the machine's load, and lets one end them",
    licence="GPL-2.0-or-later",
    homepage="https://htop.dev/",
    needs=("ncurses",),
    build=autotools("--enable-static", reconf=True),
    programs=("htop",),
    seconds=60,
)
