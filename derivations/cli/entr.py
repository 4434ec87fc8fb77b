"""Commands that run when files change."""

from derivations.kit import Recipe, configure, debian

ENTR = Recipe(
    source=debian(
        "e/entr/entr_5.7.orig.tar.gz",
        "90c5d943820c70cef37eb41a382a6ea4f5dd7fd95efef13b2b5520d320f5d067",
    ),
    description="Runs a command when files change",
    licence="ISC",
    homepage="https://eradman.com/entrproject/",
    build=configure(install='PREFIX="$out" install'),
    programs=("entr",),
    seconds=5,
)
