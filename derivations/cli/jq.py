"""Filters and forms JSON."""

from derivations.kit import Recipe, autotools, debian

JQ = Recipe(
    source=debian(
        "j/jq/jq_1.8.2.orig.tar.gz",
        "71b8d6e8f5fe81f6c6d0d110e3892251f6ce76ed095abd315e26e6e1193af3af",
    ),
    description="Filters and forms JSON",
    licence="MIT AND ICU AND CC-BY-3.0",
    homepage="https://jqlang.org/",
    build=autotools("--disable-shared --disable-docs --disable-valgrind"),
    needs=("oniguruma",),
    programs=("jq",),
    check=("""test "$(echo '{"a": [1, 2]}' | "$out/bin/jq" -c '.a[1]')" = 2""",),
    # All but shtest, which asks for the time in a zone by its name: the sandbox has no zones.
    upstream=(
        'make check TESTS="tests/mantest tests/jqtest tests/utf8test tests/base64test'
        ' tests/uritest tests/optionaltest tests/onigtest tests/manonigtest"',
    ),
    seconds=60,
)
