"""An SSH server and client for small systems."""

from derivations.kit import Recipe, autotools, debian

_WORDS = 'STATIC=1 PROGRAMS="dropbear dbclient dropbearkey dropbearconvert scp"'

DROPBEAR = Recipe(
    source=debian(
        "d/dropbear/dropbear_2025.89.orig.tar.bz2",
        "0d1f7ca711cfc336dc8a85e672cab9cfd8223a02fe2da0a4a7aeb58c9e113634",
    ),
    description="An SSH server and client for small systems",
    licence="MIT",
    homepage="https://matt.ucc.asn.au/dropbear/dropbear.html",
    build=autotools('--sbindir="$out/bin"', build=_WORDS, install=f"{_WORDS} install"),
    needs=("zlib",),
    programs=("dbclient -V", "dropbear -V"),
    seconds=60,
)
