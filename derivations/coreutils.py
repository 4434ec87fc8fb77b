"""The basic programs for files, text and the shell."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "c/coreutils/coreutils_9.1.orig.tar.xz",
    "61a1f410d78ba7e7f37a5a4f50e6d1320aca33375484a3255eddf17a38580423",
)

COREUTILS = Recipe(
    description="The basic programs for files, text and the shell",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/coreutils/",
    seconds=130,
    source=SOURCE,
    programs=("cat", "cp", "expr", "install", "ls", "sort", "stat", "test"),
    build=autotools(
        "--enable-no-install-program=stdbuf",
        "--without-selinux",
        "--without-libgmp",
        "--disable-acl",
        "--disable-xattr",
        "--disable-libcap",
        manuals=False,
    ),
    check=(
        "printf 'b\\na\\n' | \"$out/bin/sort\" > sorted",
        "printf 'a\\nb\\n' | cmp - sorted",
    ),
)
