"""Compares files."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "d/diffutils/diffutils_3.8.orig.tar.xz",
    "a6bdd7d1b31266d11c4f4de6c1b748d4607ab0231af5188fc2533d0ae2438fec",
)

DIFFUTILS = Recipe(
    description="Compares files",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/diffutils/",
    seconds=90,
    source=SOURCE,
    programs=("cmp", "diff", "diff3", "sdiff"),
    build=autotools(
        # Where it is in a distribution; configure would look whether a build has it.
        "PR_PROGRAM=/bin/pr",
        manuals=False,
    ),
    check=(
        "echo a > a",
        "echo b > b",
        'if "$out/bin/cmp" -s a b; then exit 1; fi',
        'if "$out/bin/diff" -u a b > difference; then exit 1; fi',
        "grep -q '^+b' difference",
    ),
)
