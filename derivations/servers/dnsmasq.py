"""Answers DNS and DHCP for a small network."""

from derivations.kit import Recipe, debian, debian_patches, makefile

DNSMASQ = Recipe(
    source=debian(
        "d/dnsmasq/dnsmasq_2.91.orig.tar.gz",
        "2d26a048df452b3cfa7ba05efbbcdb19b12fe7a0388761eb5d00938624bd76c8",
    ),
    patches=(
        # Vulnerabilities that were found after this version.
        debian_patches(
            "d/dnsmasq/dnsmasq_2.91-1+deb13u2.debian.tar.xz",
            "0d227eda115b44df11a36088d5506fdec5c9cf627b0ab8ddfebca40d5a9c880f",
            "CVE-2026-2291.patch",
            "CVE-2026-4890.patch",
            "CVE-2026-4891.patch",
            "CVE-2026-4892.patch",
            "CVE-2026-4893.patch",
            "CVE-2026-5172.patch",
            "CVE-2026-12725.patch",
            "CVE-2026-12969.patch",
        ),
    ),
    description="Answers DNS and DHCP for a small network",
    licence="GPL-2.0-only OR GPL-3.0-only",
    homepage="https://thekelleys.org.uk/dnsmasq/doc.html",
    build=makefile('BINDIR="$out/bin"'),
    programs=("dnsmasq",),
    seconds=20,
)
