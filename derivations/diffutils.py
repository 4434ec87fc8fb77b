"""Compares files."""

from derivations.kit import Recipe, autotools, debian

SOURCE = debian(
    "d/diffutils/diffutils_3.10.orig.tar.xz",
    "90e5e93cc724e4ebe12ede80df1634063c7a855692685919bfe60b556c9bd09e",
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
