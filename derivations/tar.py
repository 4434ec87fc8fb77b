"""Packs trees into archives."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "t/tar/tar_1.34+dfsg.orig.tar.xz",
    "7d57029540cb928394defb3b377b3531237c947e795b51aa8acac0c5ba0e4844",
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
