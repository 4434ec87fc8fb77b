"""The stream editor."""

from derivations.kit import Recipe, autotools, debian, debian_patches

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
    patches=(
        # -i --follow-symlinks read a link twice, which could be another by then.
        debian_patches(
            "s/sed/sed_4.9-2+deb13u1.debian.tar.xz",
            "9c9aacda91e02802f33fb6a1a6e86f80be1bc67b92a4dae009e78f77e26e130a",
            "sed-i-follow-symlinks-fix-TOCTOU-race-CVE-2026-5958.patch",
        ),
    ),
    programs=("sed",),
    build=autotools("--disable-acl", "--without-selinux", manuals=False),
    check=("""test "$(echo fix | "$out/bin/sed" -E 's/(f)(ix)/\\2\\1/')" = ixf""",),
)
