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
    sources=(SOURCE,),
    programs=("gawk", "awk"),
    phases=autotools(
        # Static programs cannot load extensions.
        "--disable-extensions",
        "--disable-mpfr",
        "--without-readline",
        check=("""test "$(echo 6 7 | "$out/bin/awk" '{ print $1 * $2 }')" = 42""",),
    ),
)
