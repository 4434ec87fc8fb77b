"""The stream editor."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "s/sed/sed_4.9.orig.tar.xz",
    "6e226b732e1cd739464ad6862bd1a1aba42d7982922da7a53519631d24975181",
)

SED = Recipe(
    description="The stream editor",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/sed/",
    seconds=40,
    source=SOURCE,
    programs=("sed",),
    build=autotools("--disable-acl", "--without-selinux", manuals=False),
    check=("""test "$(echo fix | "$out/bin/sed" -E 's/(f)(ix)/\\2\\1/')" = ixf""",),
)
