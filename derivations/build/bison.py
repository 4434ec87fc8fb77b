"""Writes parsers."""

from derivations.kit import Recipe, autotools, debian

# Debian's archive has no manual, and the examples are taken out of it.
NO_MANUAL = (
    "PERL=true doc=/build/src/AUTHORS extracted= mfcalc_DATA= rpcalc_DATA= calcxx_DATA= cxx_DATA="
)

BISON = Recipe(
    source=debian(
        "b/bison/bison_3.8.2+dfsg.orig.tar.xz",
        "dff8a3c96dd34121828f62a7fa49e1f7765815b89e59f564e8d2a9e71c177be5",
    ),
    description="Writes parsers in C from a grammar",
    licence="GPL-3.0-or-later WITH Bison-exception-2.2",
    homepage="https://www.gnu.org/software/bison/",
    runs=("m4",),
    build=autotools(
        "--disable-rpath",
        prepare=(
            'export M4="$m4/bin/m4"',
            "touch -r /build/src/AUTHORS /build/src/doc/bison.texi /build/src/doc/bison.info",
        ),
        build=NO_MANUAL,
        install=f"{NO_MANUAL} install",
    ),
    in_tree=True,
    programs=("bison",),
    check=(
        "printf '%%{\\nint yylex(void) { return 0; }\\nvoid yyerror(const char *s) {}\\n"
        "%%}\\n%%%%\\na: %%empty;\\n%%%%\\nint main(void) { return yyparse(); }\\n' > a.y",
        '"$out/bin/yacc" a.y',
        "$CC y.tab.c -o a",
        "./a",
    ),
    generated="src/parse-gram.c, src/scan-gram.c, and src/scan-code.c",
    seconds=90,
)
