"""Numbers of any length."""

from derivations.kit import Recipe, autotools, debian

BC = Recipe(
    source=debian(
        "b/bc/bc_1.07.1.orig.tar.gz",
        "62adfca89b0a1c0164c2cdca59ca210c1d44c3ffc46daf9931cf4942664cb02a",
    ),
    description="Calculates with numbers of any length, as bc and as dc",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/bc/",
    tools=("ed",),
    build=autotools(),
    programs=("bc", "dc"),
    check=(
        'test "$(echo "2^100" | "$out/bin/bc")" = 1267650600228229401496703205376',
        'test "$(echo "6 7 * p" | "$out/bin/dc")" = 42',
    ),
    seconds=35,
)
