"""Names and values that file systems keep with files."""

from derivations.kit import Recipe, autotools, debian

ATTR = Recipe(
    source=debian(
        "a/attr/attr_2.5.2.orig.tar.xz",
        "f2e97b0ab7ce293681ab701915766190d607a1dba7fae8a718138150b700a70b",
    ),
    description="Names and values that file systems keep with files",
    licence="LGPL-2.1-or-later AND GPL-2.0-or-later",
    homepage="https://savannah.nongnu.org/projects/attr/",
    build=autotools(
        "--disable-shared",
        # It takes basename from string.h, which musl does not declare there.
        'CFLAGS="$CFLAGS -include libgen.h"',
    ),
    programs=("attr -V", "getfattr", "setfattr"),
    waive=(("version attr", "says none"),),
    licences=("doc/COPYING", "doc/COPYING.LGPL"),
    seconds=20,
)
