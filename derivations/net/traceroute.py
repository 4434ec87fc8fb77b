"""Shows the hosts on the way to another."""

from derivations.kit import Recipe, debian, makefile

TRACEROUTE = Recipe(
    source=debian(
        "t/traceroute/traceroute_2.1.2.orig.tar.gz",
        "507c268f2977b4e218ce73e7ebed45ba0d970a8ca4995dd9cbb1ffe8e99b5b1f",
    ),
    description="Shows the hosts on the way to another",
    licence="GPL-2.0-or-later AND LGPL-2.1-or-later",
    homepage="https://traceroute.sourceforge.net/",
    build=makefile(
        "LIBDEPS=",  # or make looks for a file called -lm, where no library is
        'LDFLAGS="$LDFLAGS -L/build/src/libsupp"',
    ),
    programs=("traceroute",),
    seconds=10,
)
