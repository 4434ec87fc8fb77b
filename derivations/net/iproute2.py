"""Addresses, routes and queues of the kernel."""

from derivations.kit import Recipe, configure, debian

_WORDS = 'SHARED_LIBS=n SBINDIR="$out/bin" PREFIX="$out" NETNS_RUN_DIR=/run/netns'

IPROUTE2 = Recipe(
    source=debian(
        "i/iproute2/iproute2_7.2.0.orig.tar.xz",
        "4c2fa124c2cf0afd7ca34d1eeacba6ba048a56f6374e2aab93dafbdbd4eea9c0",
    ),
    description="Shows and sets the kernel's addresses, routes and queues",
    licence="GPL-2.0-or-later",
    homepage="https://wiki.linuxfoundation.org/networking/iproute2",
    needs=("libcap",),
    tools=("bison", "flex"),
    build=configure(
        "--color auto",
        build=_WORDS,
        install=f"{_WORDS} install",
        finish=(
            # A script for another interpreter.
            'rm -f "$out/bin/routel"',
            'rm -rf "$out/share/bash-completion" "$out/var"',
        ),
    ),
    programs=("bridge -V", "ip -V", "ss -V", "tc -V"),
    check=(
        '"$out/bin/ip" -brief link show lo | grep LOOPBACK',
        '"$out/bin/ss" -tln | grep State',
    ),
    seconds=90,
)
