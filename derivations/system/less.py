"""The pager."""

from derivations.kit import Recipe, autotools, debian

LESS = Recipe(
    source=debian(
        "l/less/less_668.orig.tar.gz",
        "2819f55564d86d542abbecafd82ff61e819a3eec967faa36cd3e68f1596a44b8",
    ),
    description="Shows text by the page, forwards and backwards",
    licence="GPL-3.0-or-later OR BSD-2-Clause",
    homepage="https://www.greenwoodsoftware.com/less/",
    needs=("ncurses",),
    build=autotools("--with-regex=posix"),
    programs=("less", "lesskey --version", "lessecho -V"),
    check=('test "$(echo yes | "$out/bin/less")" = yes',),
    waive=(("version lessecho", "says its own revision"),),
    upstream=(
        "make clean",
        "make LESSTEST=1",
        "cp -RL /build/src /build/copy",
        "chmod -R u+w /build/copy",
        "make -C /build/copy/lesstest TERMLIB=-lncursesw",
        "cd /build/copy/lesstest",
        "./runtest -e -l /build/obj/less lt",
    ),
    upstream_tools=("perl",),
    seconds=35,
)
