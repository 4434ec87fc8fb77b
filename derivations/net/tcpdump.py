"""Shows packets."""

from derivations.kit import Recipe, autotools, debian

TCPDUMP = Recipe(
    source=debian(
        "t/tcpdump/tcpdump_4.99.6.orig.tar.xz",
        "40a8cefd45f0d2a06827e6658efb830d484868c449ad80f7efb33516af44f3da",
    ),
    description="Shows packets",
    licence="BSD-3-Clause",
    homepage="https://www.tcpdump.org/",
    build=autotools("--without-crypto --without-cap-ng"),
    needs=("libpcap",),
    programs=("tcpdump",),
    upstream=("make check",),
    upstream_tools=("perl",),
    seconds=90,
)
