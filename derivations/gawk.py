"""The AWK language."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "g/gawk/gawk_5.2.1.orig.tar.xz",
    "2337a0283b180ec1b9c727973a34781c6478b3ae9bcbdcca0a4dc49861d75a65",
)

GAWK = Recipe(
    description="The AWK language",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/gawk/",
    seconds=35,
    source=SOURCE,
    programs=("gawk", "awk"),
    in_tree=True,
    build=autotools(
        # Static programs cannot load extensions.
        "--disable-extensions",
        "--disable-mpfr",
        "--without-readline",
        # Debian's archive lacks the manual's text, and awklib is made of the examples in it.
        prepare=(
            "printf 'all install:\\n' > /build/src/doc/Makefile.in",
            "cp /build/src/doc/Makefile.in /build/src/awklib/Makefile.in",
        ),
        manuals=False,
    ),
    check=("""test "$(echo 6 7 | "$out/bin/awk" '{ print $1 * $2 }')" = 42""",),
)
