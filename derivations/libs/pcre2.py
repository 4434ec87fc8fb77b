"""Regular expressions as Perl has them."""

from derivations.kit import Recipe, autotools, debian

PCRE2 = Recipe(
    source=debian(
        "p/pcre2/pcre2_10.46.orig.tar.gz",
        "8d28d7f2c3b970c3a4bf3776bcbb5adfc923183ce74bc8df1ebaad8c1985bd07",
    ),
    description="Regular expressions as Perl has them",
    licence="BSD-3-Clause",
    homepage="https://pcre2project.github.io/pcre2/",
    build=autotools("--disable-shared --enable-jit"),
    programs=("pcre2grep", "pcre2test -C"),
    check=("printf 'ab\\nac\\n' > lines", """test "$("$out/bin/pcre2grep" 'a(?!b)' lines)" = ac"""),
    upstream=("make check",),
    seconds=90,
)
