"""Complex arithmetic with correct rounding: a source only, built within gcc."""

from derivations.kit import debian

SOURCE = debian(
    "m/mpclib3/mpclib3_1.3.1.orig.tar.gz",
    "ab642492f5cf882b74aa0cb730cd410a81edcdbec895183ce930e706c1c759b8",
    name="mpc",
)
