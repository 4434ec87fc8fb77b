"""Shows how much data passes through a pipe, how fast, and how long it will take."""

from derivations.kit import Recipe, autotools, debian

PV = Recipe(
    source=debian(
        "p/pv/pv_1.6.20.orig.tar.bz2",
        "e831951eff0718fba9b1ef286128773b9d0e723e1fbfae88d5a3188814fdc603",
    ),
    description="Shows how much data passes through a pipe, how fast, and how long it will take",
    licence="Artistic-2.0",
    licences=("doc/COPYING",),
    homepage="https://www.ivarch.com/programs/pv.shtml",
    build=autotools("--disable-nls"),
    programs=("pv",),
    check=(
        'printf hello | "$out/bin/pv" -q >out',
        '[ "$(cat out)" = hello ]',
        'printf hello | "$out/bin/pv" -n -b -i 0.1 2>count >out',
        "grep -x 5 count",
    ),
    upstream=("make check",),
    seconds=10,
)
