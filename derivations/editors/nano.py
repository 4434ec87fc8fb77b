"""An editor that shows its keys."""

from derivations.kit import Recipe, autotools, debian, debian_patches

NANO = Recipe(
    source=debian(
        "n/nano/nano_8.4.orig.tar.xz",
        "5ad29222bbd55624d87ea677928b3106a743114d6c6f9b41f36c97be2a8e628d",
    ),
    description="An editor that shows its keys at the foot of the screen",
    licence="GPL-3.0-or-later",
    homepage="https://www.nano-editor.org/",
    needs=("ncurses",),
    patches=(
        debian_patches(
            "n/nano/nano_8.4-1+deb13u1.debian.tar.xz",
            "5aac3813554a9b8136fa8ce825261298de12cf2c71a5ad5235670411b3c72a5b",
            "CVE-2026-6842.patch",
            "CVE-2026-6843.patch",
        ),
    ),
    build=autotools("--enable-utf8 --disable-libmagic --disable-speller"),
    programs=("nano",),
    seconds=50,
)
