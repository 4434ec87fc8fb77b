"""The line editor."""

from derivations.kit import Recipe, configure, debian

ED = Recipe(
    source=debian(
        "e/ed/ed_1.19.orig.tar.gz",
        "8e5c3e7c84972e73957ff396b8318a21795f86547dd1fe4ec4232a9e6e44ca1d",
    ),
    description="The line editor, for people and for scripts",
    licence="GPL-2.0-or-later",
    homepage="https://www.gnu.org/software/ed/",
    build=configure('CC="$CC" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS"'),
    programs=("ed",),
    check=(
        "printf 'a\\nyes\\n.\\nw it\\nq\\n' | \"$out/bin/ed\" -s",
        "grep -q yes it",
    ),
    upstream=("make -C /build/src check",),
    seconds=10,
)
