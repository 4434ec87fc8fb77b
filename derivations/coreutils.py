"""The basic programs for files, text and the shell."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "c/coreutils/coreutils_9.7.orig.tar.xz",
    "e8bb26ad0293f9b5a1fc43fb42ba970e312c66ce92c1b0b16713d7500db251bf",
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
