"""Names of devices."""

from derivations.kit import Recipe, configure, debian

HWDATA = Recipe(
    source=debian(
        "h/hwdata/hwdata_0.394.orig.tar.gz",
        "b7c3fd7214a3b7c49d2661db127a712dc11cffd1799f793947aa1cb20aaf3298",
    ),
    description="Names of devices and their makers, by the numbers that they say",
    licence="GPL-2.0-or-later OR LicenseRef-XFree86-1.0",
    homepage="https://github.com/vcrhonek/hwdata",
    build=configure("--disable-blacklist"),
    check=('grep -q "Red Hat" "$out/share/hwdata/pci.ids"',),
    seconds=10,
)
