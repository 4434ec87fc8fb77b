"""Data from broken disks."""

from derivations.kit import Recipe, configure, debian

GDDRESCUE = Recipe(
    source=debian(
        "g/gddrescue/gddrescue_1.29.orig.tar.xz",
        "35fcdca2acd98addbe9e620aeae4077ec1cf3e718cf6453e7eed021d31ea255d",
    ),
    description="Copies what can still be read of a broken disk",
    licence="GPL-2.0-or-later",
    homepage="https://www.gnu.org/software/ddrescue/",
    build=configure('CXX="$CXX" CXXFLAGS="$CXXFLAGS" LDFLAGS="$LDFLAGS"'),
    programs=("ddrescue", "ddrescuelog"),
    check=(
        "echo yes > from",
        '"$out/bin/ddrescue" -q from to map',
        "cmp from to",
    ),
    upstream=("make -C /build/src check",),
    seconds=30,
)
