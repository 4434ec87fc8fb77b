"""The back end of a compiler."""

from derivations.kit import Recipe, debian, makefile

QBE = Recipe(
    source=debian(
        "q/qbe/qbe_1.2.orig.tar.xz",
        "a6d50eb952525a234bf76ba151861f73b7a382ac952d985f2b9af1df5368225d",
    ),
    description="A small back end for compilers",
    licence="MIT",
    homepage="https://c9x.me/compile/",
    build=makefile('CFLAGS="-std=c99 $CFLAGS"'),
    programs=("qbe -h",),
    check=(
        "printf 'export function w $main() {\\n@start\\n ret 42\\n}\\n' > main.ssa",
        '"$out/bin/qbe" -o main.s main.ssa',
        "$CC -o main main.s",
        "if ./main; then exit 1; else test $? = 42; fi",
    ),
    waive=(("version", "says none"),),
    upstream=('make -C /build/src check CC="$CC"',),
    seconds=10,
)
