"""Applies differences to files."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "p/patch/patch_2.8.orig.tar.xz",
    "f87cee69eec2b4fcbf60a396b030ad6aa3415f192aa5f7ee84cad5e11f7f5ae3",
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
