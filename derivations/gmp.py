"""Integers of any size: a source only, built within gcc."""

from derivations.kit import debian

SOURCE = debian(
    "g/gmp/gmp_6.3.0+dfsg.orig.tar.xz",
    "bd2966e6d277f79328e894a5a9f3ba3fbf2ed2be81def5f48623e30c23fb1572",
)
