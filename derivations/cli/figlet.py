"""Large letters."""

from derivations.kit import Recipe, debian, makefile

FIGLET = Recipe(
    source=debian(
        "f/figlet/figlet_2.2.5.orig.tar.gz",
        "bf88c40fd0f077dab2712f54f8d39ac952e4e9f2e1882f1195be9e5e4257417d",
    ),
    description="Writes words in large letters made of small ones",
    licence="BSD-3-Clause",
    homepage="http://www.figlet.org/",
    build=makefile(
        'MANDIR="$out/share/man" DEFAULTFONTDIR="$out/share/figlet"',
        # Words for C++ that musl's headers do not have.
        'CFLAGS="$CFLAGS -D__BEGIN_DECLS= -D__END_DECLS="',
    ),
    programs=("figlet -v", "chkfont"),
    check=('test "$("$out/bin/figlet" a | wc -l)" = 6',),
    waive=(("version chkfont", "says none"),),
    upstream=("make -C /build/src check",),
    seconds=5,
)
