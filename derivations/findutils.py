"""Finds files, and runs programs on lists of them."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "f/findutils/findutils_4.10.0.orig.tar.xz",
    "1387e0b67ff247d2abde998f90dfbf70c1491391a59ddfecb8ae698789f0a4f5",
)

FINDUTILS = Recipe(
    description="Finds files, and runs programs on lists of them",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/findutils/",
    seconds=65,
    source=SOURCE,
    programs=("find", "xargs"),
    build=autotools(
        "--without-selinux",
        # The database of all files on a machine is no business of a build.
        finish=('rm -rf "$out/bin/locate" "$out/bin/updatedb" "$out/libexec" "$out/var"',),
        manuals=False,
    ),
    check=(
        "mkdir -p tree/branch",
        "touch tree/branch/leaf",
        'test "$("$out/bin/find" tree -type f | "$out/bin/xargs" basename)" = leaf',
    ),
)
