"""Writes configure scripts."""

from derivations.kit import Recipe, configure, debian

AUTOCONF = Recipe(
    source=debian(
        "a/autoconf/autoconf_2.72.orig.tar.xz",
        "ba885c1319578d6c94d46e9b0dceb4014caafe2490e437a0dbca3f270a223f5a",
    ),
    description="Writes configure scripts from a list of questions about the system",
    licence="GPL-3.0-or-later WITH Autoconf-exception-3.0",
    homepage="https://www.gnu.org/software/autoconf/",
    runs=("m4", "perl"),
    # In its tree: frozen macros hold the names of the files that they were in.
    build=configure(
        prepare=('export M4="$m4/bin/m4" PERL="$perl/bin/perl" EMACS=no',),
        build="MAKEINFO=true",
        install="MAKEINFO=true install",
    ),
    programs=("autoconf", "autoreconf", "autom4te"),
    check=(
        "printf 'AC_INIT(a, 1)\\nAC_PROG_CC\\nAC_CHECK_HEADERS([stdio.h])\\nAC_OUTPUT\\n'"
        " > configure.ac",
        '"$out/bin/autoconf"',
        "./configure",
    ),
    seconds=10,
)
