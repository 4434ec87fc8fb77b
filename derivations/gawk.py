"""The AWK language."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "gawk",
    "5.2.1",
    "g/gawk/gawk_5.2.1.orig.tar.xz",
    "2337a0283b180ec1b9c727973a34781c6478b3ae9bcbdcca0a4dc49861d75a65",
)

GAWK = Recipe(
    name="gawk",
    version="5.2.1",
    description="The AWK language",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/gawk/",
    seconds=35,
    sources=(SOURCE,),
    programs=("gawk", "awk"),
    in_tree=True,
    phases=autotools(
        # Static programs cannot load extensions.
        "--disable-extensions",
        "--disable-mpfr",
        "--without-readline",
        # Debian's archive lacks the manual's text, and awklib is made of the examples in it.
        prepare=(
            "printf 'all install:\\n' > /build/src/doc/Makefile.in",
            "cp /build/src/doc/Makefile.in /build/src/awklib/Makefile.in",
        ),
        check=("""test "$(echo 6 7 | "$out/bin/awk" '{ print $1 * $2 }')" = 42""",),
    ),
)
