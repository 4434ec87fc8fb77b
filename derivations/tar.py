"""Packs trees into archives."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "t/tar/tar_1.35+dfsg.orig.tar.xz",
    "9ae57e981c1e73c0eebc2b26c9b0c4497fe310ef1d516ea430efb5470b71f7a8",
)

TAR = Recipe(
    description="Packs trees into archives",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/tar/",
    seconds=60,
    source=SOURCE,
    programs=("tar",),
    build=autotools(
        "--disable-acl",
        "--without-selinux",
        "--without-xattrs",
        # rmt serves tapes to other machines.
        finish=('rm -rf "$out/libexec"',),
        manuals=False,
    ),
    check=(
        "echo text > file",
        '"$out/bin/tar" -cf archive file',
        "mkdir there",
        '"$out/bin/tar" -xf archive -C there',
        "cmp file there/file",
    ),
)
