"""Versions, tickets, a wiki and a forum in one program."""

from derivations.kit import Recipe, configure, debian

FOSSIL = Recipe(
    source=debian(
        "f/fossil/fossil_2.26.orig.tar.xz",
        "ec0836bee5727017809d827c5dafc32c6450c513a8fa18f678e0a6b494e51ab6",
    ),
    description="Keeps versions of files, tickets, a wiki and a forum, and serves them as a site",
    licence="BSD-2-Clause",
    homepage="https://fossil-scm.org/",
    needs=("openssl", "zlib"),
    tools=("jimtcl",),
    build=configure(
        "--static --disable-fusefs --with-openssl=/build/needs --with-zlib=/build/needs",
    ),
    programs=("fossil version",),
    check=(
        'export HOME="$PWD" USER=it',
        '"$out/bin/fossil" init it.fossil',
        '"$out/bin/fossil" ticket list fields -R it.fossil',
    ),
    seconds=240,
)
