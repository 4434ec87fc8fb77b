"""gzip on all processors."""

from derivations.kit import Recipe, debian, makefile

PIGZ = Recipe(
    source=debian(
        "p/pigz/pigz_2.8.orig.tar.xz",
        "bec34f9d61e28b9b069da9efd53e73d22cd207a4798ed664832dc9b17aa486aa",
    ),
    description="gzip on all processors",
    licence="Zlib",
    homepage="https://zlib.net/pigz/",
    build=makefile(
        install="pigz",
        finish=(
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp /build/src/pigz "$out/bin/"',
            'cp /build/src/pigz.1 "$out/share/man/man1/"',
        ),
    ),
    needs=("zlib",),
    programs=("pigz",),
    check=(
        "seq 9999 > numbers",
        '"$out/bin/pigz" -c numbers | "$out/bin/pigz" -dc | cmp - numbers',
    ),
    licences=("README",),
    upstream=("make -C /build/src test",),
    upstream_tools=("gzip",),
    seconds=10,
)
