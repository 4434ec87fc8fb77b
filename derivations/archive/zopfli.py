"""The smallest files that gzip can read."""

from derivations.kit import Recipe, debian, makefile

ZOPFLI = Recipe(
    source=debian(
        "z/zopfli/zopfli_1.0.3.orig.tar.gz",
        "e955a7739f71af37ef3349c4fa141c648e8775bceb2195be07e86f8e638814bd",
    ),
    description="Compresses slowly, and better than others, for gzip and zlib to unpack",
    licence="Apache-2.0",
    homepage="https://github.com/google/zopfli",
    build=makefile(
        build="zopfli libzopfli.a",
        install="zopfli",
        finish=(
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/include/zopfli" "$out/lib"',
            'cp zopfli "$out/bin/"',
            'cp src/zopfli/zopfli.h "$out/include/zopfli/"',
            'cp libzopfli.a "$out/lib/"',
        ),
    ),
    programs=("zopfli -h",),
    tools=("gzip",),
    check=(
        "echo yes > it",
        'test "$("$out/bin/zopfli" -c it | gzip -dc)" = yes',
    ),
    waive=(("version", "says none"),),
    seconds=10,
)
