"""A train, for those who mistype ls."""

from derivations.kit import Recipe, debian, makefile

SL = Recipe(
    source=debian(
        "s/sl/sl_5.02.orig.tar.gz",
        "1e5996757f879c81f202a18ad8e982195cf51c41727d3fea4af01fdcbbb5563a",
    ),
    description="Has a train pass by, for those who mistype ls",
    licence="SL",
    homepage="https://github.com/mtoyoda/sl",
    needs=("ncurses",),
    build=makefile(
        'CFLAGS="$CFLAGS -s"',
        install="sl",
        finish=(
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp sl "$out/bin/"',
            'cp sl.1 "$out/share/man/man1/"',
        ),
    ),
    programs=("sl",),
    waive=(("version", "says none"),),
    seconds=5,
)
