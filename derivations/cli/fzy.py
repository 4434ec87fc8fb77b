"""A line found by a few letters."""

from derivations.kit import Recipe, debian, makefile

FZY = Recipe(
    source=debian(
        "f/fzy/fzy_1.0.orig.tar.gz",
        "80257fd74579e13438b05edf50dcdc8cf0cdb1870b4a2bc5967bd1fdbed1facf",
    ),
    description="Picks a line by a few of its letters",
    licence="MIT",
    homepage="https://github.com/jhawthorn/fzy",
    build=makefile('CFLAGS="$CFLAGS -s -Ideps"'),
    programs=("fzy",),
    check=('test "$(printf \'tree\\nzebra\\n\' | "$out/bin/fzy" -e zb)" = zebra',),
    upstream=("make -C /build/src check",),
    seconds=5,
)
