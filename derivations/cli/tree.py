"""Folders drawn as a tree."""

from derivations.kit import Recipe, debian, makefile

TREE = Recipe(
    source=debian(
        "t/tree/tree_2.1.0.orig.tar.gz",
        "0160c535bff2b0dc6a830b9944e981e3427380f63e748da96ced7071faebabf6",
    ),
    description="Draws folders as a tree",
    licence="GPL-2.0-or-later",
    homepage="http://mama.indstate.edu/users/ice/tree/",
    build=makefile('MANDIR="$out/share/man"'),
    programs=("tree",),
    check=(
        "mkdir -p a/b",
        '"$out/bin/tree" --noreport a | grep -q b',
    ),
    seconds=5,
)
