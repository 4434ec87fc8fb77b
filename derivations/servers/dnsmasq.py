"""Answers DNS and DHCP for a small network."""

from derivations.kit import Recipe, debian, makefile

DNSMASQ = Recipe(
    source=debian(
        "d/dnsmasq/dnsmasq_2.91.orig.tar.gz",
        "2d26a048df452b3cfa7ba05efbbcdb19b12fe7a0388761eb5d00938624bd76c8",
    ),
    description="Answers DNS and DHCP for a small network",
    licence="GPL-2.0-only OR GPL-3.0-only",
    homepage="https://thekelleys.org.uk/dnsmasq/doc.html",
    build=makefile('BINDIR="$out/bin"'),
    programs=("dnsmasq",),
    seconds=20,
)
