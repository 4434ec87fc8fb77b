"""A part of a processor, and no more."""

from derivations.kit import Recipe, debian, makefile

CPULIMIT = Recipe(
    source=debian(
        "c/cpulimit/cpulimit_3.1.orig.tar.gz",
        "946994ec60f39f03095b89bd74e660b89c14c82aba7545669398e302bc7b234c",
    ),
    description="Holds a process to a part of a processor",
    licence="GPL-2.0-or-later",
    homepage="https://limitcpu.sourceforge.net/",
    build=makefile(),
    programs=("cpulimit --help",),
    seconds=5,
)
