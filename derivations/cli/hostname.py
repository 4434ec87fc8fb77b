"""The machine's name."""

from derivations.kit import Recipe, debian, makefile

HOSTNAME = Recipe(
    source=debian(
        "h/hostname/hostname_3.25.tar.xz",
        "5bb5d1be011158090157c9e7587ae5606c262a5020ecdc5caac6686b9910592e",
    ),
    description="Shows and sets the machine's name",
    licence="GPL-2.0-only",
    homepage="https://tracker.debian.org/pkg/hostname",
    build=makefile('CFLAGS="$CFLAGS -D_GNU_SOURCE" mandir="$out/share/man"'),
    programs=("hostname",),
    licences=("COPYRIGHT",),
    seconds=5,
)
