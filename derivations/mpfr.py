"""Floating-point arithmetic with correct rounding: a source only, built within gcc."""

from derivations.kit import debian

SOURCE = debian(
    "m/mpfr4/mpfr4_4.2.2.orig.tar.xz",
    "b67ba0383ef7e8a8563734e2e889ef5ec3c3b898a01d00fa0a6869ad81c6ce01",
    name="mpfr",
)
