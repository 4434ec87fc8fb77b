"""Packs trees into archives."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "tar",
    "1.34",
    "t/tar/tar_1.34+dfsg.orig.tar.xz",
    "7d57029540cb928394defb3b377b3531237c947e795b51aa8acac0c5ba0e4844",
)

TAR = Recipe(
    name="tar",
    version="1.34",
    description="Packs trees into archives",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/tar/",
    seconds=60,
    sources=(SOURCE,),
    programs=("tar",),
    phases=autotools(
        "--disable-acl",
        "--without-selinux",
        "--without-xattrs",
        check=(
            "echo text > file",
            '"$out/bin/tar" -cf archive file',
            "mkdir there",
            '"$out/bin/tar" -xf archive -C there',
            "cmp file there/file",
        ),
        # rmt serves tapes to other machines.
        finish=('rm -rf "$out/libexec"',),
    ),
)
