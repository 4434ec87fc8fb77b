"""Gets addresses for network interfaces."""

from derivations.kit import Recipe, configure, debian

DHCPCD = Recipe(
    source=debian(
        "d/dhcpcd/dhcpcd_10.1.0.orig.tar.gz",
        "98b396730159902464714f1762da29fb19e748ede1ade3516f0aabc8059d9c4d",
    ),
    description="Gets addresses for network interfaces",
    licence="BSD-2-Clause",
    homepage="https://roy.marples.name/projects/dhcpcd",
    build=configure(
        '--sbindir="$out/bin" --libexecdir="$out/libexec" --datadir="$out/share"',
        '--mandir="$out/share/man" --sysconfdir=/etc --dbdir=/var/lib/dhcpcd --rundir=/run/dhcpcd',
        "--without-dev --without-udev --with-openssl=no --privsepuser=dhcpcd",
        install="DESTDIR=/build/dest install",
        finish=(
            'cp -R /build/dest"$out" "$out"',
            'cp /build/dest/etc/dhcpcd.conf "$out/share/dhcpcd/"',
        ),
    ),
    programs=("dhcpcd",),
    upstream=("make -C /build/src/tests/crypt test",),
    seconds=40,
)
