"""Asks many hosts at once whether they answer."""

from derivations.kit import Recipe, autotools, debian

FPING = Recipe(
    source=debian(
        "f/fping/fping_5.1.orig.tar.gz",
        "1ee5268c063d76646af2b4426052e7d81a42b657e6a77d8e7d3d2e60fd7409fe",
    ),
    description="Asks many hosts at once whether they answer",
    licence="LicenseRef-BSD-Stanford AND Unlicense",
    homepage="https://www.fping.org/",
    patches=("fping-message-header.patch",),
    build=autotools('--sbindir="$out/bin"'),
    programs=("fping",),
    seconds=30,
)
