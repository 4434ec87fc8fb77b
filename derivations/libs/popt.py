"""Parses the options of command lines."""

from derivations.kit import Recipe, autotools, debian

POPT = Recipe(
    source=debian(
        "p/popt/popt_1.19+dfsg.orig.tar.xz",
        "4cd0cd2963d0c4078f65949599d97135c15ee6c09cf3a36a9a1b2753025bb06b",
    ),
    description="Parses the options of command lines",
    licence="MIT",
    homepage="https://github.com/rpm-software-management/popt",
    build=autotools("--disable-shared --sysconfdir=/etc"),
    upstream=("make check",),
    seconds=10,
)
