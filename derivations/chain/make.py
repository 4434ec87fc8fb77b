"""make, by tcc and the script that make brings for machines without one."""

from __future__ import annotations

from derivations.kit import phases, variant
from derivations.make import MAKE_BY_SCRIPT

MAKE = variant(
    MAKE_BY_SCRIPT,
    name="chain-make",
    description="Runs commands for files that are out of date; compiled by tcc",
    build=phases(
        *MAKE_BY_SCRIPT.build.phases,
        tools=("awk", "cc", "coreutils", "diffutils", "grep", "sed", "sh"),
    ),
)
