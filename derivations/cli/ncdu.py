"""Where the disk's space is."""

from derivations.kit import Recipe, autotools, debian

NCDU = Recipe(
    source=debian(
        "n/ncdu/ncdu_1.22.orig.tar.gz",
        "8af3431c09769f2a6e75f2260707d51792f9043db49ca6c3f940adfdc12fe063",
    ),
    description="Shows which folders take the disk's space",
    licence="MIT",
    homepage="https://dev.yorhel.nl/ncdu",
    needs=("ncurses",),
    build=autotools(),
    programs=("ncdu",),
    check=(
        "mkdir it",
        '"$out/bin/ncdu" -0 -o - it | grep -q \'"name":"/build/obj/it"\'',
    ),
    seconds=30,
)
