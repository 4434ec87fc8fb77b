"""Shows battery, power supply and temperature."""

from derivations.kit import Recipe, autotools, debian

ACPI = Recipe(
    source=debian(
        "a/acpi/acpi_1.8.orig.tar.gz",
        "e64c6e00b53cd797427ea32a160513425b03ed4f077733f71f1f09ff340f230b",
    ),
    description="Shows battery, power supply and temperature",
    licence="GPL-2.0-or-later",
    homepage="https://sourceforge.net/projects/acpiclient/",
    build=autotools(),
    programs=("acpi -v",),
    seconds=15,
)
