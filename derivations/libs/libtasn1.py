"""Reads and writes ASN.1."""

from derivations.kit import Recipe, autotools, debian, debian_patches

LIBTASN1 = Recipe(
    source=debian(
        "libt/libtasn1-6/libtasn1-6_4.20.0.orig.tar.gz",
        "92e0e3bd4c02d4aeee76036b2ddd83f0c732ba4cda5cb71d583272b23587a76c",
        name="libtasn1",
    ),
    description="Reads and writes ASN.1",
    licence="LGPL-2.1-or-later AND GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/libtasn1/",
    patches=(
        debian_patches(
            "libt/libtasn1-6/libtasn1-6_4.20.0-2+deb13u1.debian.tar.xz",
            "c1ba650436b6a9fc5fac5ea494ab20caf7adb29a3713067e8b665d2f2f325cb1",
            "0001-Fix-for-CVE-2025-13151-Buffer-overflow.patch",
        ),
    ),
    build=autotools("--disable-shared"),
    programs=("asn1Parser", "asn1Decoding", "asn1Coding"),
    upstream=("make check",),
    seconds=40,
)
