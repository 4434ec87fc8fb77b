"""Applies differences to files."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "p/patch/patch_2.7.6.orig.tar.xz",
    "ac610bda97abe0d9f6b7c963255a11dcb196c25e337c61f94e4778d632f1d8fd",
)

PATCH = Recipe(
    description="Applies differences to files",
    licence="GPL-3.0-or-later",
    homepage="https://savannah.gnu.org/projects/patch/",
    seconds=50,
    source=SOURCE,
    programs=("patch",),
    build=autotools(manuals=False),
    check=(
        "echo a > file",
        "printf -- '--- file\\n+++ file\\n@@ -1 +1 @@\\n-a\\n+b\\n' > change",
        '"$out/bin/patch" -i change',
        'test "$(cat file)" = b',
    ),
)
