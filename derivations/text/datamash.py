"""Sums of columns."""

from derivations.kit import Recipe, autotools, debian

DATAMASH = Recipe(
    source=debian(
        "d/datamash/datamash_1.9.orig.tar.gz",
        "f382ebda03650dd679161f758f9c0a6cc9293213438d4a77a8eda325aacb87d2",
    ),
    description="Calculates with the columns of a text",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/datamash/",
    build=autotools(),
    programs=("datamash", "decorate"),
    check=('test "$(printf \'1\\n2\\n4\\n\' | "$out/bin/datamash" sum 1)" = 7',),
    # Left out: what expects the random numbers, the words or the locales of another C library.
    upstream=(
        'make check TESTS="$(cd /build/src; ls tests/datamash-*.pl tests/datamash-*.sh'
        ' tests/decorate-*.pl | grep -v -e rand -e i18n -e decorate-errors)"',
    ),
    upstream_tools=("debianutils", "perl"),
    seconds=90,
)
