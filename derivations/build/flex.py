"""Writes scanners."""

from derivations.kit import Recipe, autotools, debian

FLEX = Recipe(
    source=debian(
        "f/flex/flex_2.6.4.orig.tar.gz",
        "e87aae032bf07c26f85ac0ed3250998c37621d95f8bd748b31f15b33c45ee995",
    ),
    description="Writes scanners in C from regular expressions",
    licence="BSD-3-Clause-flex",
    homepage="https://github.com/westes/flex",
    runs=("m4",),
    build=autotools(
        "--disable-shared --disable-bootstrap",
        prepare=('export M4="$m4/bin/m4"',),
        finish=('ln -s flex "$out/bin/lex"',),
    ),
    programs=("flex",),
    check=(
        "printf '%%%%\\na putchar(98);\\n%%%%\\nint main(void) { return yylex(); }\\n' > a.l",
        '"$out/bin/flex" -o a.c a.l',
        '$CC a.c -o a -L"$out/lib" -lfl',
        'test "$(echo aa | ./a)" = bb',
    ),
    generated="src/scan.c, src/parse.c",
    upstream=("make check",),
    seconds=25,
)
