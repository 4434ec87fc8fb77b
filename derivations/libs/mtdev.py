"""Fingers on a touch screen."""

from derivations.kit import Recipe, autotools, debian

MTDEV = Recipe(
    source=debian(
        "m/mtdev/mtdev_1.1.7.orig.tar.gz",
        "a55bd02a9af4dd266c0042ec608744fff3a017577614c057da09f1f4566ea32c",
    ),
    description="Brings the events of all touch screens into one form",
    licence="MIT",
    homepage="https://bitmath.se/org/code/mtdev/",
    build=autotools("--disable-shared"),
    programs=("mtdev-test",),
    waive=(("version", "it says none"),),
    seconds=25,
)
