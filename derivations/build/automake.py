"""Writes Makefile.in files."""

from derivations.kit import Recipe, autotools, debian

AUTOMAKE = Recipe(
    source=debian(
        "a/automake-1.17/automake-1.17_1.17.orig.tar.xz",
        "8920c1fc411e13b90bf704ef9db6f29d540e76d232cb3b2c9f4dc4cc599bd990",
        name="automake",
    ),
    description="Writes the Makefiles of packages with a configure script",
    licence="GPL-2.0-or-later WITH Autoconf-exception-generic",
    homepage="https://www.gnu.org/software/automake/",
    runs=("perl",),
    tools=("autoconf", "perl"),
    build=autotools(prepare=('export PERL="$perl/bin/perl"',)),
    in_tree=True,
    programs=("automake", "aclocal"),
    check=(
        "printf 'AC_INIT(a, 1)\\nAM_INIT_AUTOMAKE([foreign])\\nAC_PROG_CC\\n"
        "AC_CONFIG_FILES(Makefile)\\nAC_OUTPUT\\n' > configure.ac",
        "printf 'bin_PROGRAMS = a\\n' > Makefile.am",
        "echo 'int main(void) { return 0; }' > a.c",
        'PATH="$out/bin:$PATH" autoreconf -i',
        "./configure",
    ),
    seconds=10,
)
