"""Capabilities of processes and files."""

from derivations.kit import Recipe, autotools, debian, phase, phases

MADE = autotools("--disable-shared --without-python --without-python3", reconf=True)

LIBCAP_NG = Recipe(
    source=debian(
        "libc/libcap-ng/libcap-ng_0.8.5.orig.tar.gz",
        "e4be07fdd234f10b866433f224d183626003c65634ed0552b02e654a380244c2",
        name="libcap-ng",
    ),
    description="Capabilities of processes and files",
    licence="LGPL-2.1-or-later",
    homepage="https://people.redhat.com/sgrubb/libcap-ng/",
    # automake asks for a file that this archive lacks.
    build=phases(
        phase("news", "touch /build/src/NEWS"),
        *MADE.phases,
        tools=MADE.tools,
        in_tree=True,
    ),
    programs=("captest", "filecap", "netcap", "pscap"),
    waive=(("version", "its programs say none"),),
    check=('test -n "$("$out/bin/captest" --text | grep \'Current capabilities\')"',),
    upstream=("make check",),
    seconds=30,
)
