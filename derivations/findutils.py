"""Finds files, and runs programs on lists of them."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "findutils",
    "4.9.0",
    "f/findutils/findutils_4.9.0.orig.tar.xz",
    "a2bfb8c09d436770edc59f50fa483e785b161a3b7b9d547573cb08065fd462fe",
)

FINDUTILS = Recipe(
    name="findutils",
    version="4.9.0",
    description="Finds files, and runs programs on lists of them",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/findutils/",
    seconds=65,
    sources=(SOURCE,),
    programs=("find", "xargs"),
    phases=autotools(
        "--without-selinux",
        check=(
            "mkdir -p tree/branch",
            "touch tree/branch/leaf",
            'test "$("$out/bin/find" tree -type f | "$out/bin/xargs" basename)" = leaf',
        ),
        # The database of all files on a machine is no business of a build.
        finish=('rm -rf "$out/bin/locate" "$out/bin/updatedb" "$out/libexec" "$out/var"',),
    ),
)
