"""Converts the ends of lines."""

from derivations.kit import Recipe, debian, makefile

DOS2UNIX = Recipe(
    source=debian(
        "d/dos2unix/dos2unix_7.5.2.orig.tar.gz",
        "264742446608442eb48f96c20af6da303cb3a92b364e72cb7e24f88239c4bf3a",
    ),
    description="Converts the ends of lines",
    licence="BSD-2-Clause",
    homepage="https://waterlan.home.xs4all.nl/dos2unix.html",
    build=makefile("ENABLE_NLS= STRIP=:"),
    programs=("dos2unix -V", "unix2dos -V"),
    check=(
        "printf 'a\\r\\nb\\r\\n' > it",
        '"$out/bin/dos2unix" -q it',
        'test "$(tr -d ab < it | wc -c)" = 2',
    ),
    upstream=("make -C /build/src ENABLE_NLS= check",),
    upstream_tools=("perl",),
    seconds=10,
)
