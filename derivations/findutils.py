"""Finds files, and runs programs on lists of them."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "f/findutils/findutils_4.9.0.orig.tar.xz",
    "a2bfb8c09d436770edc59f50fa483e785b161a3b7b9d547573cb08065fd462fe",
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
