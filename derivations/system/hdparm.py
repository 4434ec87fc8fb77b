"""Settings of disks."""

from derivations.kit import Recipe, debian, makefile

HDPARM = Recipe(
    source=debian(
        "h/hdparm/hdparm_9.65+ds.orig.tar.xz",
        "d6541daca56de332348aa15ba3fa70ad126522bc9e44128aabe07f5213732228",
    ),
    description="Shows and changes the settings of disks, and measures their speed",
    licence="BSD-1-Clause AND GPL-2.0-only",
    homepage="https://sourceforge.net/projects/hdparm/",
    build=makefile('manprefix="$out" sbindir="$out/bin"'),
    programs=("hdparm -V",),
    seconds=10,
)
