"""Captures packets."""

from derivations.kit import Recipe, autotools, debian

LIBPCAP = Recipe(
    source=debian(
        "libp/libpcap/libpcap_1.10.5.orig.tar.xz",
        "84fa89ac6d303028c1c5b754abff77224f45eca0a94eb1a34ff0aa9ceece3925",
    ),
    description="Captures packets",
    licence="BSD-3-Clause",
    homepage="https://www.tcpdump.org/",
    build=autotools(
        "--disable-shared --without-libnl --disable-dbus --disable-rdma",
        finish=('rm -f "$out"/lib/*.so*',),
    ),
    tools=("bison", "flex"),
    seconds=40,
)
